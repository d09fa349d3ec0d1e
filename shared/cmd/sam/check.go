package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"kyc/shared/clock"
)

// check does one thing and says in a line how it went and how long it took.
func (w *workshop) check(name string, do func() error) error {
	start := clock.Now()
	err := do()
	word := "ok  "
	if err != nil {
		word = "FAIL"
	}
	w.say(fmt.Sprintf("%s  %-80s %5.1fs", word, name, clock.Now().Sub(start).Round(100*time.Millisecond).Seconds()))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// answer is a JSON object, as a function or the API gave it.
type answer map[string]any

// parseAnswer reads the one JSON object that a command prints. That a function's error is printed in the same place, and
// that the SAM CLI ends well then, is why it is looked for.
func parseAnswer(output []byte) (answer, error) {
	text := bytes.TrimSpace(output)
	if len(text) == 0 {
		return nil, fmt.Errorf("the function gave no answer")
	}
	if string(text) == "null" {
		return answer{}, nil
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("the answer is no JSON object: %s", text)
	}
	if a["errorMessage"] != nil {
		return nil, fmt.Errorf("the function ended with an error: %s", text)
	}
	return a, nil
}

// text returns the member at a path like requestContext.http.method; empty if it is not there. What is no string is
// written as JSON.
func (a answer) text(path string) string {
	var at any = map[string]any(a)
	for name := range strings.SplitSeq(path, ".") {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	switch v := at.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	written, _ := json.Marshal(at) // it came from JSON
	return string(written)
}

// want holds members to their values, in pairs of path and value. A value of * may be anything but missing.
func (a answer) want(pairs ...string) error {
	for n := 0; n+1 < len(pairs); n += 2 {
		path, value := pairs[n], pairs[n+1]
		if got := a.text(path); got != value && (value != "*" || got == "") {
			written, _ := json.Marshal(a)
			return fmt.Errorf("%s is %q, want %q, in %s", path, got, value, written)
		}
	}
	return nil
}

// body is what the answer to an HTTP event carries, if its status is as wanted.
func (a answer) body(status int) (answer, error) {
	if err := a.want("statusCode", fmt.Sprint(status)); err != nil {
		return nil, err
	}
	return parseAnswer([]byte(a.text("body")))
}

// refusal holds an answer of the admin function, whose refusals look like the API's.
func (a answer) refusal() error {
	if status, ok := a["Status"].(float64); ok && status >= http.StatusBadRequest {
		written, _ := json.Marshal(a)
		return fmt.Errorf("the function refused: %s", written)
	}
	return nil
}
