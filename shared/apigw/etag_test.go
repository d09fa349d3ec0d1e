package apigw_test

import (
	"context"
	"testing"

	"kyc/shared/apigw"
	"kyc/shared/kyc"
)

func TestConditionsOfARequest(t *testing.T) {
	for name, c := range map[string]struct {
		header, value string
		change, send  bool // may be changed, is to be sent
	}{
		"none":               {"x-else", `"1.2"`, true, true},
		"match":              {"if-match", `"1.2"`, true, true},
		"match, one of some": {"If-Match", `"0.1" , "1.2"`, true, true},
		"match, any":         {"if-match", `*`, true, true},
		"match, other":       {"if-match", `"1.3"`, false, true},
		"match, weak":        {"if-match", `W/"1.2"`, false, true},
		"match, bare":        {"if-match", `1.2`, false, true},
		"match, empty":       {"if-match", ``, false, true},
		"none match":         {"if-none-match", `"1.2"`, true, false},
		"none match, weak":   {"If-None-Match", `"0.1", W/"1.2"`, true, false},
		"none match, any":    {"if-none-match", `*`, true, false},
		"none match, other":  {"if-none-match", `"1.3"`, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := request()
			e.Headers[c.header] = c.value
			_, _, _ = serve(t, e, func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
				if change, send := r.IfMatch()("1.2"), r.NoneMatch("1.2"); change != c.change || send != c.send {
					t.Errorf("may be changed: %t, is to be sent: %t", change, send)
				}
				return apigw.Response{Status: 200}, nil
			})
		})
	}
}

func TestUnchangedHasNoBody(t *testing.T) {
	f := apigw.Serve(quiet, map[string]apigw.Route{"POST /things": {Handle: answers(304, map[string]string{"id": "7"}), Needs: kyc.MayWrite}})
	r, err := f(t.Context(), request())
	if _, typed := r.Headers["Content-Type"]; err != nil || r.StatusCode != 304 || r.Body != "" || typed {
		t.Errorf("answered %+v, err %v", r, err)
	}
}
