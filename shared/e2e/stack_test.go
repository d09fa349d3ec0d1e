package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyc/shared/clock"
	"kyc/shared/devstack"
	"kyc/shared/dynamostore"
	"kyc/shared/emulator"
	"kyc/shared/kyc"
	"kyc/shared/openapi/contract"
)

// limit is how long a test waits for what must happen: longer than a message whose worker was killed stays hidden.
const limit = 120 * time.Second

// visibility is the seconds after which a killed verifier's message comes back: six times its timeout of three.
const visibility = "18"

// ports are the receivers' addresses, known before the stack that must allow them.
type ports struct{ webhooks, silent net.Listener }

var (
	host  *emulator.Emulator
	stack *devstack.Stack
	open  ports
)

// deploy starts an emulator and deploys the template. It is called by a test and not by a TestMain, because Go's test
// cache knows only the files that are looked at while tests run: a changed function must not be answered from the cache.
func deploy(t *testing.T) {
	ctx := t.Context()
	root, err := emulator.Root()
	must(t, err)
	must(t, emulator.Install(ctx, root, func(string) {}))
	host, err = emulator.Start(ctx, emulator.Options{Root: root, Auth: true})
	must(t, err)
	t.Cleanup(func() { _ = host.Close() })
	open.webhooks, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	open.silent, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	parameters := devstack.LocalParameters()
	parameters["VerifierTimeoutSeconds"], parameters["VerificationVisibilitySeconds"] = "3", visibility
	parameters["SandboxDelay"] = "500ms" // so that a verifier can be met at work
	parameters["WebhookRetryDelays"] = "1s,2s"
	parameters["PublicUrl"] = publicURL
	parameters["WebhookTestHosts"] = open.webhooks.Addr().String() + "," + open.silent.Addr().String()
	stack, err = devstack.Deploy(ctx, devstack.Options{Root: root, Endpoint: host.Endpoint(), StackName: "kyc-e2e", Parameters: parameters})
	must(t, err)
}

// publicURL is where customers would reach the API.
const publicURL = "https://kyc.example.com/api/v0.1"

// brand is a tenant with a key pair and two programs.
type brand struct {
	t                       testing.TB
	id, identity, secret    string
	program, anotherProgram string
}

func newBrand(t testing.TB) *brand {
	t.Helper()
	b := &brand{t: t}
	b.id = admin(t, map[string]any{"action": "create_brand", "name": "Example Brand"})["brand_id"].(string)
	for _, program := range []*string{&b.program, &b.anotherProgram} {
		*program = admin(t, map[string]any{"action": "create_program", "brand_id": b.id, "name": "Everyday", "bank": "First Bank"})["program_id"].(string)
	}
	key := admin(t, map[string]any{"action": "create_key", "brand_id": b.id, "name": "e2e"})
	b.identity, b.secret = key["Identity"].(string), key["Authorization"].(string)
	return b
}

func admin(t testing.TB, request map[string]any) map[string]any {
	t.Helper()
	payload, _ := json.Marshal(request)
	raw, err := stack.Invoke(t.Context(), "AdminFunction", payload)
	must(t, err)
	answer := map[string]any{}
	must(t, json.Unmarshal(raw, &answer))
	if answer["Code"] != nil {
		t.Fatalf("%v: %v", request["action"], answer)
	}
	return answer
}

// call sends a request with the brand's key pair, and holds the answer to openapi.yaml.
func (b *brand) call(method, path string, body any, headers ...string) (int, map[string]any) {
	b.t.Helper()
	var sent []byte
	if body != nil {
		sent, _ = json.Marshal(body)
	}
	return b.send(method, path, sent, append([]string{"Content-Type", "application/json"}, headers...)...)
}

// send is call for a body that need not be JSON, without a content type of its own.
func (b *brand) send(method, path string, sent []byte, headers ...string) (int, map[string]any) {
	b.t.Helper()
	status, _, answer := b.exchange(method, path, sent, headers...)
	return status, answer
}

// exchange is send, with the header of the answer.
func (b *brand) exchange(method, path string, sent []byte, headers ...string) (int, http.Header, map[string]any) {
	b.t.Helper()
	path = "/api/v0.1" + path
	request, err := http.NewRequestWithContext(b.t.Context(), method, stack.URL(path), bytes.NewReader(sent))
	must(b.t, err)
	request.Header.Set("Identity", b.identity)
	request.Header.Set("Authorization", b.secret)
	for n := 0; n < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	response, err := http.DefaultClient.Do(request)
	must(b.t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	must(b.t, err)
	var decoded any
	must(b.t, json.Unmarshal(raw, &decoded))
	answer, one := decoded.(map[string]any)
	if !one {
		answer = map[string]any{"all": decoded}
	}
	if answer["Code"] != nil || response.StatusCode < 300 { // the gateway's own answers keep its own shape
		received := map[string]string{"Content-Type": response.Header.Get("Content-Type")}
		for name := range response.Header {
			if strings.HasPrefix(name, "Idempotency-") || slices.Contains([]string{"Cache-Control", "Etag", "Link", "Retry-After"}, name) {
				received[name] = response.Header.Get(name)
			}
		}
		contract.Check(b.t, method, path, sent, response.StatusCode, received, string(raw))
	}
	return response.StatusCode, response.Header, answer
}

// customer creates a customer with the given SSN and returns its id.
func (b *brand) customer(ssn string) string {
	b.t.Helper()
	status, created := b.call("POST", "/customers", map[string]any{
		"first_name": "Ada", "last_name": "Example", "dob": "1990-05-17", "ssn": ssn, "email": "ada@example.com",
		"addresses": []any{map[string]any{
			"address_type": "PHYSICAL", "street": "345 California St", "city": "San Francisco", "state": "CA",
			"zip_code": "94104", "country": "US", "is_primary": true,
		}},
	})
	if status != http.StatusCreated {
		b.t.Fatalf("create customer: %d %v", status, created)
	}
	return created["customer_id"].(string)
}

func kycPath(customerID string) string { return "/customers/" + customerID + "/verification-kyc" }

// start starts KYC in the brand's first program and returns the attempt's id.
func (b *brand) start(customerID string) string {
	b.t.Helper()
	status, started := b.call("POST", kycPath(customerID), map[string]any{"program_id": b.program})
	if status != http.StatusCreated || started["kyc_status"] != "submitted" {
		b.t.Fatalf("start: %d %v", status, started)
	}
	return started["attempt_id"].(string)
}

// subscribe subscribes a listener's address to events, all of KYC where none are named, and returns the signing secret.
func (b *brand) subscribe(l net.Addr, events ...string) string {
	b.t.Helper()
	if events == nil {
		events = []string{"kyc.*"}
	}
	status, created := b.call("POST", "/webhooks", map[string]any{"url": "http://" + l.String() + "/" + b.id, "events": events})
	if status != http.StatusCreated {
		b.t.Fatalf("subscribe: %d %v", status, created)
	}
	return created["webhook_subscription"].(map[string]any)["secret"].(string)
}

// until reads the state until it is as wanted.
func (b *brand) until(customerID, status string) map[string]any {
	b.t.Helper()
	var state map[string]any
	eventually(b.t, "state "+status, func() bool {
		_, state = b.call("GET", kycPath(customerID)+"?program_id="+b.program, nil)
		return state["kyc_status"] == status
	})
	return state
}

// eventually asks often until it is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	often := time.NewTicker(50 * time.Millisecond)
	defer often.Stop()
	for !so() {
		select {
		case <-often.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// customerOnFile reads the aggregate from the table.
func customerOnFile(t testing.TB, brandID, customerID string) kyc.Customer {
	t.Helper()
	c, err := dynamostore.New(stack.Config(), stack.Resource("Table"), clock.Now).Customer(t.Context(), brandID, customerID)
	must(t, err)
	return c
}

// deadLetters counts the messages in a dead-letter queue whose body holds text.
func deadLetters(t testing.TB, logicalID, text string) int {
	t.Helper()
	out, err := sqs.NewFromConfig(stack.Config()).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(stack.Resource(logicalID)), MaxNumberOfMessages: 10, VisibilityTimeout: 1,
	})
	must(t, err)
	n := 0
	for _, m := range out.Messages {
		if strings.Contains(aws.ToString(m.Body), text) {
			n++
		}
	}
	return n
}

// receiver is the brands' side of the webhooks. Each brand posts to a path of its own.
type receiver struct {
	server *http.Server
	mu     sync.Mutex
	posts  map[string][]post // by path
}

type post struct {
	header http.Header
	body   []byte
	event  map[string]any
}

func receive(l net.Listener) *receiver {
	r := &receiver{posts: map[string][]post{}}
	r.server = &http.Server{ReadHeaderTimeout: limit, Handler: http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		p := post{header: request.Header, body: body, event: map[string]any{}}
		_ = json.Unmarshal(body, &p.event)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.posts[request.URL.Path] = append(r.posts[request.URL.Path], p)
	})}
	go func() { _ = r.server.Serve(l) }() // until the test closes it
	return r
}

// silent hangs up on everyone until it answers. It keeps its port, which anybody could take from one that is closed.
type silent struct {
	net.Listener
	answers atomic.Bool
}

func (s *silent) Accept() (net.Conn, error) {
	for {
		connection, err := s.Listener.Accept()
		if err != nil || s.answers.Load() {
			return connection, err
		}
		_ = connection.Close()
	}
}

func (r *receiver) close() { _ = r.server.Close() }

// wait returns the first post of the named event about the customer.
func (r *receiver) wait(b *brand, customerID, event string) post {
	b.t.Helper()
	return r.first(b, "webhook "+event, func(e map[string]any) bool { return e["event"] == event && e["customer_id"] == customerID })
}

func (r *receiver) first(b *brand, what string, is func(event map[string]any) bool) post {
	b.t.Helper()
	var found post
	eventually(b.t, what, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		at := slices.IndexFunc(r.posts["/"+b.id], func(p post) bool { return is(p.event) })
		if at >= 0 {
			found = r.posts["/"+b.id][at]
		}
		return at >= 0
	})
	return found
}

// waitFor returns the first post of the event with the given id.
func (r *receiver) waitFor(b *brand, eventID string) post {
	b.t.Helper()
	return r.first(b, "webhook "+eventID, func(e map[string]any) bool { return e["event_id"] == eventID })
}

// events lists the ids of the events that came about the customer, each as often as it came.
func (r *receiver) events(b *brand, customerID string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for _, p := range r.posts["/"+b.id] {
		if p.event["customer_id"] == customerID {
			ids = append(ids, fmt.Sprint(p.event["event_id"]))
		}
	}
	return ids
}

func (p post) verify(t testing.TB, secret string) {
	t.Helper()
	published, err := standardwebhooks.NewWebhook(secret)
	must(t, err)
	if err := published.Verify(p.body, p.header); err != nil {
		t.Errorf("signature: %v", err)
	}
	contract.CheckEvent(t, p.body)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
