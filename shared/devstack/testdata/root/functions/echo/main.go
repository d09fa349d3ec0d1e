// Command echo answers with what it was given. It speaks Lambda's Runtime API by itself, so that it builds from nothing.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
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
		fmt.Printf("{\"level\":\"INFO\",\"msg\":\"echo\",\"bytes\":%d}\n", len(event))
		kind, answer := "response", event
		switch {
		case bytes.Contains(event, []byte("please fail")):
			kind, answer = "error", []byte(`{"errorMessage":"as you like","errorType":"Wanted"}`)
		case bytes.Contains(event, []byte(`"routeKey"`)):
			answer = []byte(`{"statusCode":200,"body":"hello"}`)
		}
		reply, err := http.Post(runtime+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/"+kind, "application/json", bytes.NewReader(answer))
		if err != nil {
			os.Exit(1)
		}
		reply.Body.Close()
	}
}
