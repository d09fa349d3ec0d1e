package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyc/shared/clock"
	"kyc/shared/emulator"
)

func TestFrontDoorHandsOnWhatIsTheAPIsAndNothingElse(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Method+" "+r.RequestURI)
	}))
	defer api.Close()
	target, err := url.Parse(api.URL + "/_aws/execute-api/abc/$default")
	if err != nil {
		t.Fatal(err)
	}
	door := httptest.NewServer(frontDoor(target))
	defer door.Close()
	for path, want := range map[string]string{
		"/api/v0.1/customers":             "GET /_aws/execute-api/abc/$default/api/v0.1/customers",
		"/api/v0.1/customers/":            "GET /_aws/execute-api/abc/$default/api/v0.1/customers/",
		"/api/v0.1//customers?a=1&b=%20x": "GET /_aws/execute-api/abc/$default/api/v0.1//customers?a=1&b=%20x",
		"/api/v0.1/customers/a%2Fb":       "GET /_aws/execute-api/abc/$default/api/v0.1/customers/a%2Fb",
		"/":                               `{"message":"Not Found"}`,
		"/api/v0.2/customers":             `{"message":"Not Found"}`,
		"/_aws/execute-api/abc/x":         `{"message":"Not Found"}`,
	} {
		response, err := http.Get(door.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := strings.TrimSpace(string(body)); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestATakenPortIsNamedWithTheFlag(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	_, err = listen(port)
	if want := fmt.Sprintf("port %d is taken: end the program that uses it, or choose another port with -port", port); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestASecondRunNamesTheFirst(t *testing.T) {
	root := t.TempDir()
	first := &local{out: silent(t), site: "http://localhost:8080"}
	if err := first.lock(root); err != nil {
		t.Fatal(err)
	}
	second := &local{out: silent(t), site: "http://localhost:8081"}
	want := "already running at http://localhost:8080 (process " + strconv.Itoa(os.Getpid()) + "); end it with Ctrl-C first"
	if err := second.lock(root); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	if err := second.lock(root); err != nil {
		t.Errorf("the first one is over: %v", err)
	}
	_ = second.close()
}

func TestASecondRunThatCannotReadTheNote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.lock")
	holder, err := emulator.TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if got := alreadyRunning(path).Error(); !strings.HasPrefix(got, "already running in this checkout") {
		t.Errorf("got %s", got)
	}
}

func TestReceiverTakesOnlyWhatIsSigned(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	const body = `{"event":"kyc.verification.success","customer_id":"c"}`
	r, err := newReceiver(silent(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	post := func(content, signed string) int {
		t.Helper()
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		at := clock.Now()
		signature, err := signer.Sign("evt_1", at, []byte(signed))
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url(), strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set(standardwebhooks.HeaderWebhookID, "evt_1")
		request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
		request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if got := post(body, body); got != http.StatusBadRequest {
		t.Errorf("before there is a secret: %d, want 400", got)
	}
	if err := r.trust(secret); err != nil {
		t.Fatal(err)
	}
	if got := post(body, "something else"); got != http.StatusBadRequest {
		t.Errorf("wrong signature: %d, want 400", got)
	}
	if got := post(body, body); got != http.StatusNoContent {
		t.Errorf("right signature: %d, want 204", got)
	}
	if got := len(r.events); got != 1 {
		t.Fatalf("%d events were taken, want 1", got)
	}
	if event := <-r.events; event.Event != wantedEvent || event.CustomerID != "c" {
		t.Errorf("took %+v", event)
	}
}

func TestCurlLinesSurviveTheShell(t *testing.T) {
	p := &player{local: &local{}, identity: "id", key: "it's"}
	want := `curl -sS -X POST 'http://localhost:8080/x?a=1&b=2' \
  -H 'Identity: id' -H 'Authorization: it'\''s' \
  -H 'Content-Type: application/json' -d '{"a":1}'`
	if got := p.curl(http.MethodPost, "http://localhost:8080/x?a=1&b=2", `{"a":1}`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLogLinesAreReadable(t *testing.T) {
	for name, test := range map[string]struct{ line, want string }{
		"fields in their order": {
			`{"time":"x","level":"INFO","msg":"request","function":"start-kyc","stage":"local","z":1,"a":"two words","e":"","n":null,"o":{"b": [1, 2]}}`,
			`x             start-kyc   request z=1 a="two words" e="" n=null o={"b":[1,2]}`,
		},
		"other levels are said": {`{"level":"ERROR","msg":"no luck"}`, `              start-kyc   ERROR no luck`},
		"no JSON":               {`panic: oh`, `              start-kyc   panic: oh`},
		"half of JSON":          {`{"msg":`, `              start-kyc   {"msg":`},
	} {
		t.Run(name, func(t *testing.T) {
			out := silent(t)
			out.log("start-kyc", test.line)
			written, err := os.ReadFile(out.file.Name())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSuffix(string(written), "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// silent is a terminal that writes into a file.
func silent(t *testing.T) *terminal {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "terminal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return newTerminal(file)
}
