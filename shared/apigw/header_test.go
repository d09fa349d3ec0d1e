package apigw_test

import (
	"testing"

	"kyc/shared/apigw"
)

func TestHeaderIsFoundHoweverItsNameIsWritten(t *testing.T) {
	for written, want := range map[string]string{"idempotency-key": "k", "Idempotency-Key": "k", "identity": ""} {
		got, ok := apigw.Header(map[string]string{written: "k"}, "Idempotency-Key")
		if got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v", written, got, ok)
		}
	}
	if got, _ := apigw.Header(map[string]string{"Identity": "local", "identity": "real"}, "Identity"); got != "real" {
		t.Errorf("got %q: API Gateway's own spelling must win", got)
	}
}
