// Command gate lets those in who know the word.
package main

import (
	"bytes"
	"fmt"
	"io"
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
		event, _ := io.ReadAll(next.Body)
		next.Body.Close()
		answer := fmt.Sprintf(`{"isAuthorized":%t}`, bytes.Contains(event, []byte("open sesame")))
		reply, err := http.Post(runtime+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader(answer))
		if err != nil {
			os.Exit(1)
		}
		reply.Body.Close()
	}
}
