package testbed

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOneEndpointForBoth(t *testing.T) {
	serve := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, "%s %s %s %s", name, r.Host, r.URL.Path, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	emulator, dynamoDB := serve("emulator"), serve("dynamodb")
	if endpoint, err := withTable(emulator, ""); endpoint != emulator || err != nil {
		t.Errorf("without another DynamoDB: %s, %v", endpoint, err)
	}
	if _, err := withTable(emulator, "localhost:8000"); err == nil {
		t.Error("an address without scheme was taken")
	}
	endpoint, err := withTable(emulator, dynamoDB)
	must(t, err)
	for target, want := range map[string]string{
		"DynamoDB_20120810.GetItem": "dynamodb", "AmazonSQS.SendMessage": "emulator", "TrentService.Decrypt": "emulator", "": "emulator",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+"/path", http.NoBody)
		must(t, err)
		request.Host = "signed.example"
		request.Header.Set("X-Amz-Target", target)
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		body, err := io.ReadAll(response.Body)
		must(t, err)
		_ = response.Body.Close()
		if want += " signed.example /path "; string(body) != want {
			t.Errorf("%q came to %q, want %q", target, body, want)
		}
	}
}
