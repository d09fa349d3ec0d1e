package contract

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// recorder takes the place of a test, to see Check fail.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(f string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(f, args...))
}
func (r *recorder) Fatalf(f string, args ...any) { r.Errorf(f, args...) }

const (
	customers = "/api/v0.1/customers"
	kycPath   = "/api/v0.1/customers/9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03/verification-kyc"
	program   = `"program_id":"5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"`
	attempt   = `"attempt_id":"8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306"`
	customer  = `"customer_id":"9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"`
	started   = `{` + customer + `,` + program + `,` + attempt + `,"kyc_status":"submitted","submitted_at":"2026-01-02T03:04:05.678901+00:00"}`
	keySeen   = `{"Message":"m","Status":409,"Code":"idempotency_key_exists","Type":"Request Error",` + attempt +
		`,"kyc_status":"passed","first_seen_at":"2026-01-02T03:04:05.678901+00:00","expires_at":"2026-01-03T03:04:05.678901+00:00",` +
		`"status_url":"` + kycPath + `?program_id=5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02","payload_matches":true}`
	inProgress = `{"Message":"m","Status":409,"Code":"kyc_in_progress","Type":"Request Error",` + attempt + `,"kyc_status":"submitted"}`
	tooSoon    = `{"Message":"m","Status":409,"Code":"kyc_retries","Type":"Request Error","retry_at":"2026-01-02T03:04:05.678901+00:00"}`
)

func header(more ...string) map[string]string {
	h := map[string]string{"content-type": "application/json"}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

var seen = []string{"Idempotency-First-Seen", "2026-01-02T03:04:05.678901+00:00", "idempotency-expires", "2026-01-03T03:04:05.678901+00:00"}

func TestCheck(t *testing.T) {
	const get = kycPath + "?program_id=5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"
	state := `{` + customer + `,"brand_id":"0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01",` + program + `,` + attempt +
		`,"kyc_status":"submitted","submitted_at":"2026-01-02T03:04:05.678901+00:00","next_action":"wait","kyc_requests_available":3%s}`
	cases := map[string]struct {
		method, path, request string
		status                int
		header                map[string]string
		body                  string
		want                  string // part of the failure; empty: none
	}{
		"accepted":                     {"POST", kycPath, `{` + program + `}`, 201, header(), started, ""},
		"trailing slash":               {"POST", kycPath + "/", `{` + program + `}`, 201, header(), started, ""},
		"lower-case method":            {"post", kycPath, `{` + program + `}`, 201, header(), started, ""},
		"charset":                      {"POST", kycPath, `{` + program + `}`, 201, map[string]string{"Content-Type": "application/json; charset=utf-8"}, started, ""},
		"no base path":                 {"POST", "/customers", `{}`, 201, header(), started, "does not begin with"},
		"unknown path":                 {"POST", "/api/v0.1/businesses", `{}`, 201, header(), started, "not documented"},
		"empty parameter":              {"GET", "/api/v0.1/customers//verification-kyc", ``, 404, header(), `{"message":"Not Found"}`, "not documented"},
		"unknown method":               {"DELETE", customers, ``, 200, header(), `{}`, "method DELETE"},
		"unknown status":               {"POST", kycPath, `{` + program + `}`, 418, header(), `{}`, "status 418"},
		"undocumented member":          {"POST", kycPath, `{` + program + `}`, 201, header(), strings.Replace(started, "{", `{"x":1,`, 1), "additional properties 'x'"},
		"missing member":               {"POST", kycPath, `{` + program + `}`, 201, header(), `{}`, "missing properties"},
		"wrong time":                   {"POST", kycPath, `{` + program + `}`, 201, header(), strings.Replace(started, "+00:00", "Z", 1), "submitted_at"},
		"data after the body":          {"POST", kycPath, `{` + program + `}`, 201, header(), started + "{}", "data after"},
		"not JSON":                     {"POST", kycPath, `{` + program + `}`, 201, header(), "ok", "not JSON"},
		"no content type":              {"POST", kycPath, `{` + program + `}`, 201, nil, started, "content type"},
		"wrong content type":           {"POST", kycPath, `{` + program + `}`, 201, map[string]string{"Content-Type": "text/plain"}, started, "content type"},
		"undocumented header":          {"POST", kycPath, `{` + program + `}`, 201, header("X-Trace", "1"), started, "header X-Trace is not documented"},
		"accepted an unknown field":    {"POST", kycPath, `{` + program + `,"x":1}`, 201, header(), started, "accepted request body"},
		"accepted a null":              {"POST", kycPath, `{` + program + `,"ssn":null}`, 201, header(), started, ""},
		"accepted a required null":     {"POST", kycPath, `{"program_id":null}`, 201, header(), started, "accepted request body"},
		"accepted without a body":      {"POST", kycPath, ``, 201, header(), started, "accepted without a body"},
		"accepted what is not JSON":    {"POST", kycPath, `{`, 201, header(), started, "accepted request body"},
		"refused requests may be wild": {"POST", kycPath, `{`, 400, header(), `{"Message":{"program_id":["m"]},"Status":400,"Code":"create_kyc_schema","Type":"Request Error","errors":[{"pointer":"/program_id","detail":"m"}]}`, ""},
		"Status beside the status":     {"POST", kycPath, `{}`, 400, header(), `{"Message":"m","Status":404,"Code":"create_kyc_schema","Type":"Request Error"}`, "Status says 404"},
		"code of another operation":    {"POST", kycPath, `{}`, 400, header(), `{"Message":"m","Status":400,"Code":"webhooks_err","Type":"Request Error"}`, "body"},
		"code that is in no list":      {"POST", kycPath, `{}`, 400, header(), `{"Message":"m","Status":400,"Code":"oops","Type":"Request Error"}`, "body"},
		"empty message":                {"POST", kycPath, `{}`, 400, header(), `{"Message":"","Status":400,"Code":"create_kyc_schema","Type":"Request Error"}`, "body"},
		"key seen":                     {"POST", kycPath, `{` + program + `}`, 409, header(seen...), keySeen, ""},
		"key seen, headers missing":    {"POST", kycPath, `{` + program + `}`, 409, header(), keySeen, "header Idempotency-Expires"},
		"key seen, header malformed":   {"POST", kycPath, `{` + program + `}`, 409, header("Idempotency-First-Seen", "now", seen[2], seen[3]), keySeen, "header Idempotency-First-Seen"},
		"in progress":                  {"POST", kycPath, `{` + program + `}`, 409, header(), inProgress, ""},
		"in progress, key's headers":   {"POST", kycPath, `{` + program + `}`, 409, header(seen...), inProgress, "header Idempotency-Expires"},
		"in progress in a final state": {"POST", kycPath, `{` + program + `}`, 409, header(), strings.Replace(inProgress, "submitted", "passed", 1), "body"},
		"too soon":                     {"POST", kycPath, `{` + program + `}`, 409, header("Retry-After", "60"), tooSoon, ""},
		"too soon, no Retry-After":     {"POST", kycPath, `{` + program + `}`, 409, header(), tooSoon, "header Retry-After"},
		"Retry-After is a number":      {"POST", kycPath, `{` + program + `}`, 409, header("Retry-After", "soon"), tooSoon, "header Retry-After"},
		"key reused": {"POST", kycPath, `{}`, 422, header(seen...),
			`{"Message":"m","Status":422,"Code":"idempotency_key_exists","Type":"Request Error","payload_matches":false}`, ""},
		"key reused, attempt told": {"POST", kycPath, `{}`, 422, header(seen...),
			`{"Message":"m","Status":422,"Code":"idempotency_key_exists","Type":"Request Error","payload_matches":false,` + attempt + `}`, "body"},
		"not written": {"POST", kycPath, `{}`, 503, header("Retry-After", "1"), `{"Message":"m","Status":503,"Code":"kyc_error","Type":"Server Error"}`, ""},
		"gateway":     {"POST", kycPath, `{}`, 503, header(), `{"message":"Service Unavailable"}`, ""},
		"internal": {"GET", get, ``, 500, header(),
			`{"Message":"m","Status":500,"Code":"unknown_kyc_get","Type":"Server Error","request_id":"r"}`, ""},
		"internal without request_id": {"GET", get, ``, 500, header(),
			`{"Message":"m","Status":500,"Code":"unknown_kyc_get","Type":"Server Error"}`, "body"},
		"state":                       {"GET", get, ``, 200, header(), fmt.Sprintf(state, ``), ""},
		"state without program":       {"GET", kycPath, ``, 200, header(), fmt.Sprintf(state, ``), "query parameter program_id"},
		"state, unknown query":        {"GET", get + "&x=1", ``, 200, header(), fmt.Sprintf(state, ``), "query parameter x"},
		"state, program no UUID":      {"GET", kycPath + "?program_id=1", ``, 200, header(), fmt.Sprintf(state, ``), "query program_id"},
		"passed_at without a pass":    {"GET", get, ``, 200, header(), fmt.Sprintf(state, `,"passed_at":"2026-01-02T03:04:05.678901+00:00"`), "body"},
		"results, unknown check":      {"GET", get, ``, 200, header(), fmt.Sprintf(state, `,"results":{"kba":"passed"}`), "body"},
		"list with a secret":          {"GET", "/api/v0.1/webhooks/", ``, 200, header(), `{"webhook_subscriptions":[{"secret":"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}]}`, "secret"},
		"empty list":                  {"GET", "/api/v0.1/webhooks", ``, 200, header(), `{"webhook_subscriptions":[]}`, ""},
		"unknown path at the gateway": {"GET", "/api/v0.1/customers/x", ``, 404, header(), `{"message":"Not Found"}`, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			Check(r, c.method, c.path, []byte(c.request), c.status, c.header, c.body)
			got := strings.Join(r.failures, "\n")
			switch {
			case c.want == "" && got != "":
				t.Errorf("failed: %s", got)
			case c.want != "" && !strings.Contains(got, c.want):
				t.Errorf("failures are %q, want one with %q", got, c.want)
			}
		})
	}
}

func TestCheckEvent(t *testing.T) {
	event := func(change map[string]string) []byte {
		members := map[string]string{
			"event_id": `"evt_1"`, "event": `"kyc.verification.success"`,
			"customer_id": `"9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"`, "program_id": `"5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"`,
			"attempt_id": `"8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306"`, "occurred_at": `"2026-01-02T03:04:05.678901+00:00"`,
			"state_version": `2`, "kyc": `{"verification":{"status":"passed"}}`,
		}
		maps.Copy(members, change)
		var parts []string
		for k, v := range members {
			if v != "" {
				parts = append(parts, fmt.Sprintf("%q:%s", k, v))
			}
		}
		return []byte("{" + strings.Join(parts, ",") + "}")
	}
	cases := map[string]struct {
		change map[string]string
		want   string
	}{
		"success":                {nil, ""},
		"unknown event":          {map[string]string{"event": `"kyc.verification.passed"`}, "not documented"},
		"no event":               {map[string]string{"event": ""}, "not documented"},
		"status of another":      {map[string]string{"kyc": `{"verification":{"status":"failed"}}`}, "status"},
		"undocumented member":    {map[string]string{"ssn": `"123-45-6780"`}, "ssn"},
		"missing member":         {map[string]string{"state_version": ""}, "state_version"},
		"failure without reason": {map[string]string{"event": `"kyc.verification.failure"`, "kyc": `{"verification":{"status":"failed"}}`, "retryable": "true"}, "reasons"},
		"failure": {map[string]string{"event": `"kyc.verification.failure"`, "kyc": `{"verification":{"status":"failed"}}`,
			"retryable": "true", "reasons": `["ofac_match"]`}, ""},
		"timeout without cause": {map[string]string{"event": `"kyc.verification.timeout"`, "kyc": `{"verification":{"status":"expired"}}`}, "cause"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			CheckEvent(r, event(c.change))
			got := strings.Join(r.failures, "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("failures are %q, want one with %q", got, c.want)
			}
		})
	}
}
