// Command extra says 200 to everything, by Lambda's Runtime API alone.
package main

import (
	"net/http"
	"os"
	"strings"
)

func main() {
	runtime := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(runtime + "next")
		if err != nil {
			os.Exit(1)
		}
		next.Body.Close()
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		reply, err := http.Post(runtime+id+"/response", "application/json", strings.NewReader(`{"statusCode":200}`))
		if err != nil {
			os.Exit(1)
		}
		reply.Body.Close()
	}
}
