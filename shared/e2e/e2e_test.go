package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
	"kyc/shared/openapi"
	"kyc/shared/testbed"
)

func TestKYC(t *testing.T) {
	deploy(t)
	hooks := receive(open.webhooks)
	t.Cleanup(hooks.close)
	var marks testbed.Marks
	t.Run("flows", func(t *testing.T) {
		t.Run("a customer passes", func(t *testing.T) { t.Parallel(); passes(t, hooks) })
		t.Run("magic SSNs steer the sandbox", func(t *testing.T) { t.Parallel(); magic(t, hooks) })
		t.Run("fifty starts at once", func(t *testing.T) { t.Parallel(); race(t, hooks) })
		t.Run("a killed verifier's work is taken over", func(t *testing.T) { t.Parallel(); killed(t, hooks) })
		t.Run("an attempt is canceled at work", func(t *testing.T) { t.Parallel(); canceled(t, hooks) })
		t.Run("another attempt is asked for and granted", func(t *testing.T) { t.Parallel(); granted(t) })
		t.Run("the gateway keeps strangers out", func(t *testing.T) { t.Parallel(); strangers(t) })
		t.Run("the gateway lets readers in", func(t *testing.T) { t.Parallel(); readers(t) })
		t.Run("a key pair reaches what it may", func(t *testing.T) { t.Parallel(); keyPairs(t) })
		t.Run("a webhook that nobody takes is not lost", func(t *testing.T) { t.Parallel(); nobody(t) })
		t.Run("a brand looks after its webhooks", func(t *testing.T) { t.Parallel(); webhooks(t, hooks) })
		t.Run("what was not relayed is relayed by the timers", func(t *testing.T) { t.Parallel(); notRelayed(t, hooks) })
		t.Run("an unreadable record holds up no other", func(t *testing.T) { t.Parallel(); unreadable(t, hooks) })
		t.Run("a brand moves its clock", func(t *testing.T) { t.Parallel(); movedClock(t, hooks) })
		t.Run("documents do not come", func(t *testing.T) { t.Parallel(); noDocuments(t, hooks) })
		t.Run("a customer changes", func(t *testing.T) { t.Parallel(); changed(t, hooks) })
		t.Run("a customer is deleted", func(t *testing.T) { t.Parallel(); erased(t, hooks) })
		t.Run("documents come", func(t *testing.T) { t.Parallel(); documents(t, hooks) })
		t.Run("documents speak for themselves", func(t *testing.T) { t.Parallel(); readable(t, hooks) })
		t.Run("what is another brand's is unknown", func(t *testing.T) { t.Parallel(); foreign(t) })
		t.Run("bad input leaves nothing behind", func(t *testing.T) { t.Parallel(); badInput(t) })
		t.Run("a customer whose every value is marked", func(t *testing.T) { t.Parallel(); marks = marked(t, hooks) })
		t.Run("two customers with one SSN", func(t *testing.T) { t.Parallel(); sameSSN(t) })
		t.Run("an operator and a brand look after themselves", func(t *testing.T) { t.Parallel(); housekeeping(t) })
	})
	t.Run("no marked value is in the open", func(t *testing.T) { unseen(t, marks) })
	t.Run("the stack's secret is rotated", rotated) // the last: what is hurried here, functions have not forgotten
}

func passes(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	secret := b.subscribe(open.webhooks.Addr())
	id := b.customer("123-45-6780")
	status, started := b.call("POST", kycPath(id), map[string]any{"program_id": b.program}, "Idempotency-Key", "once")
	if status != http.StatusCreated {
		t.Fatalf("start: %d %v", status, started)
	}
	status, again := b.call("POST", kycPath(id)+"/", map[string]any{"program_id": b.program}, "Idempotency-Key", `"once"`)
	if status != http.StatusConflict || again["payload_matches"] != true || again["attempt_id"] != started["attempt_id"] {
		t.Errorf("the same start again: %d %v", status, again)
	}
	event := hooks.wait(b, id, "kyc.verification.success")
	event.verify(t, secret)
	if event.event["attempt_id"] != started["attempt_id"] || event.event["state_version"] != 2.0 {
		t.Errorf("event: %v", event.event)
	}
	eventually(t, "all noted as relayed, no alarm left", func() bool {
		c := customerOnFile(t, b.id, id)
		return c.Relayed[b.program] == 2 && c.DueAt.IsZero()
	})
	eventually(t, "the delivery on record", func() bool { return strings.Contains(delivery(t, b, event), "delivered") })
	state := b.until(id, "passed")
	status, refused := b.call("POST", kycPath(id), map[string]any{"program_id": b.program})
	if status != http.StatusConflict || refused["Code"] != "kyc_already_passed" || refused["passed_at"] != state["passed_at"] || state["passed_at"] == nil {
		t.Errorf("start after the pass: %d %v, passed at %v", status, refused, state["passed_at"])
	}
	if status, other := b.call("POST", kycPath(id), map[string]any{"program_id": b.anotherProgram}); status != http.StatusCreated {
		t.Errorf("start in another program: %d %v", status, other)
	}
	if _, read := b.call("GET", "/customers/"+id, nil); read["ssn"] != "XXX-XX-6780" || read["kyc_requests_available"] != 0.0 {
		t.Errorf("customer: %v", read)
	}
}

func magic(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	b.subscribe(open.webhooks.Addr())
	for ssn, want := range map[string]struct{ state, event string }{
		"000-00-0000": {"under_review", "kyc.verification.under_review"},
		"333-33-3333": {"document_required", "kyc.verification.document_required"},
		"999-99-0000": {"failed", "kyc.verification.failure"},
		"999-99-1111": {"failed", "kyc.verification.failure"},
	} {
		id := b.customer(ssn)
		b.start(id)
		event := hooks.wait(b, id, want.event)
		if state := b.until(id, want.state); fmt.Sprint(state["reasons"]) != fmt.Sprint(event.event["reasons"]) {
			t.Errorf("%s: state says %v, event says %v", ssn, state["reasons"], event.event["reasons"])
		}
	}
}

func race(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	b.subscribe(open.webhooks.Addr())
	id := b.customer("123-45-6780")
	var mu sync.Mutex
	answers := map[string]int{}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			status, answer := b.call("POST", kycPath(id), map[string]any{"program_id": b.program})
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprint(status, " ", answer["Code"])]++
		})
	}
	all.Wait()
	// With a queue this fast an attempt may pass while starts still come in.
	if answers["201 <nil>"] != 1 || answers["201 <nil>"]+answers["409 kyc_in_progress"]+answers["409 kyc_already_passed"] != 50 {
		t.Errorf("answers: %v", answers)
	}
	hooks.wait(b, id, "kyc.verification.success")
	if c := customerOnFile(t, b.id, id); c.Versions[b.program] != 2 || len(slices.Compact(slices.Sorted(slices.Values(hooks.events(b, id))))) != 1 {
		t.Errorf("state_version %d, events %v", c.Versions[b.program], hooks.events(b, id))
	}
}

// canceled ends an attempt that a verifier works on: the verifier's result comes too late.
func canceled(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	secret := b.subscribe(open.webhooks.Addr())
	var id, first string
	eventually(t, "canceled before the verifier is done, who may be the faster one", func() bool {
		id = b.customer("123-45-6780")
		first = b.start(id)
		status, answer := b.call("DELETE", kycPath(id)+"?program_id="+b.program, nil)
		if answer["Code"] != "kyc_already_passed" && (status != http.StatusOK || answer["kyc_status"] != "canceled") {
			t.Fatalf("cancel: %d %v", status, answer)
		}
		return status == http.StatusOK
	})
	hooks.wait(b, id, "kyc.verification.canceled").verify(t, secret)
	second := b.start(id)
	b.until(id, "passed")
	_, history := b.call("GET", kycPath(id)+"/attempts?program_id="+b.program, nil)
	var states []string
	for _, a := range history["attempts"].([]any) {
		a := a.(map[string]any)
		states = append(states, fmt.Sprint(a["attempt_id"], " ", a["kyc_status"], " ", len(a["timeline"].([]any))))
	}
	if want := []string{second + " passed 2", first + " canceled 2"}; !slices.Equal(states, want) {
		t.Errorf("history %q, want %q", states, want)
	}
}

// granted uses up the attempts of a customer, and has the operator allow another one.
func granted(t *testing.T) {
	b := newBrand(t)
	policy := admin(t, map[string]any{"action": "update_policy", "brand_id": b.id, "program_id": b.program, "policy": map[string]any{"max_attempts": 1}})
	if policy["policy_version"] != 2.0 {
		t.Errorf("policy: %v", policy)
	}
	id := b.customer("999-99-0000")
	b.start(id)
	b.until(id, "failed")
	status, refused := b.call("POST", kycPath(id), map[string]any{"program_id": b.program, "kyc_retry_request": true})
	if status != http.StatusConflict || refused["Code"] != "kyc_retries" || refused["retry_requested_at"] == nil {
		t.Fatalf("a second attempt: %d %v", status, refused)
	}
	eventually(t, "the request on the operator's list", func() bool {
		return strings.Contains(fmt.Sprint(admin(t, map[string]any{"action": "list_retry_requests", "brand_id": b.id})), id)
	})
	grant := admin(t, map[string]any{"action": "grant_attempts", "brand_id": b.id, "customer_id": id, "program_id": b.program})
	state := b.until(id, "failed")
	if grant["kyc_requests_available"] != 1.0 || state["kyc_requests_available"] != 1.0 || state["next_action"] != "start_again" {
		t.Errorf("granted %v: %v", grant, state)
	}
	b.start(id)
	b.until(id, "failed")
}

// movedClock frees an idempotency key by moving time, and not by waiting for it.
func movedClock(t *testing.T, hooks *receiver) {
	b, other := newBrand(t), newBrand(t)
	b.subscribe(open.webhooks.Addr())
	id := b.customer("999-99-0000")
	start := func() (int, map[string]any) {
		return b.call("POST", kycPath(id), map[string]any{"program_id": b.program}, "Idempotency-Key", "once-a-day")
	}
	status, first := start()
	if status != http.StatusCreated {
		t.Fatalf("start: %d %v", status, first)
	}
	hooks.wait(b, id, "kyc.verification.failure")
	if status, again := start(); status != http.StatusConflict || again["Code"] != "idempotency_key_exists" {
		t.Errorf("the same day: %d %v", status, again)
	}
	status, moved := b.call("POST", "/simulate/clock/", map[string]any{"advance_seconds": 86400})
	if status != http.StatusOK || moved["ahead_seconds"] != 86400.0 || moved["complete"] != true {
		t.Fatalf("move: %d %v", status, moved)
	}
	status, second := start()
	if status != http.StatusCreated || second["attempt_id"] == first["attempt_id"] || fmt.Sprint(second["submitted_at"]) < fmt.Sprint(moved["current_time"]) {
		t.Errorf("the next day, which began at %v: %d %v", moved["current_time"], status, second)
	}
	status, same := b.call("POST", "/simulate/clock", map[string]any{"move_to": moved["current_time"]})
	if status != http.StatusOK || same["advanced_seconds"] != 0.0 || same["ahead_seconds"] != 86400.0 {
		t.Errorf("move to where the clock is: %d %v", status, same)
	}
	b.until(id, "failed")
	theirs := other.customer("123-45-6780")
	if _, read := other.call("GET", "/customers/"+theirs, nil); fmt.Sprint(read["date_created"]) >= fmt.Sprint(moved["current_time"]) {
		t.Errorf("another brand's clock has moved too: %v", read["date_created"])
	}
}

// noDocuments moves the clock to the day on which the documents that an attempt asked for are overdue.
func noDocuments(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	secret := b.subscribe(open.webhooks.Addr())
	id := b.customer("333-33-3333")
	if status, started := b.call("POST", kycPath(id), map[string]any{"program_id": b.program}); status != http.StatusCreated {
		t.Fatalf("start: %d %v", status, started)
	}
	hooks.wait(b, id, "kyc.verification.document_required")
	move := func(days int, want string) {
		t.Helper()
		if status, moved := b.call("POST", "/simulate/clock", map[string]any{"advance_seconds": days * 86400}); status != http.StatusOK || moved["complete"] != true {
			t.Fatalf("move: %d %v", status, moved)
		}
		b.until(id, want)
	}
	move(27, "document_required")
	move(1, "expired")
	event := hooks.wait(b, id, "kyc.verification.timeout")
	event.verify(t, secret)
	if event.event["cause"] != "documents_not_provided" || event.event["state_version"] != 3.0 {
		t.Errorf("event: %v", event.event)
	}
}

// killed ends the verifier's process while it works on an attempt.
func killed(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	b.subscribe(open.webhooks.Addr())
	id := b.customer("123-45-6780")
	b.start(id)
	eventually(t, "a verifier at work", func() bool {
		a := customerOnFile(t, b.id, id).Attempts[b.program]
		return a.Fence == 1
	})
	if a := customerOnFile(t, b.id, id).Attempts[b.program]; a.Status != kyc.Submitted {
		t.Fatalf("the verifier was done before it could be met: %s", a.Status)
	}
	if n, err := host.KillFunction(stack.Resource("VerifierFunction")); err != nil || n == 0 {
		t.Fatalf("killed %d processes of the verifier: %v", n, err)
	}
	b.until(id, "passed")
	hooks.wait(b, id, "kyc.verification.success")
	if a := customerOnFile(t, b.id, id).Attempts[b.program]; a.Fence < 2 {
		t.Errorf("the work was done by the first claim, so that nothing was killed: fence %d", a.Fence)
	}
}

func strangers(t *testing.T) {
	b, other := newBrand(t), newBrand(t)
	id := b.customer("123-45-6780")
	path := kycPath(id) + "?program_id=" + b.program
	if status, answer := other.call("GET", "/customers/"+id, nil); status != http.StatusNotFound || answer["Code"] != "customer_dne" {
		t.Errorf("another brand's customer: %d %v", status, answer)
	}
	wrong := *b
	wrong.secret = other.secret
	if status, _ := wrong.call("GET", path, nil); status != http.StatusForbidden {
		t.Errorf("a wrong key pair: %d", status)
	}
	missing, err := http.NewRequestWithContext(t.Context(), http.MethodGet, stack.URL("/api/v0.1"+path), nil)
	must(t, err)
	missing.Header.Set("Identity", b.identity)
	response, err := http.DefaultClient.Do(missing)
	must(t, err)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a missing header: %d", response.StatusCode)
	}
}

// readers have no key, and need none for what describes the API, nor for the page that documents are sent on.
func readers(t *testing.T) {
	for path, want := range map[string]string{
		"/openapi.yaml": string(openapi.Document), "/docs": "<!doctype html>", "/docs/": "<!doctype html>", "/docs/redoc-2.5.4.js": "/*!",
		"/upload": "<!doctype html>", "/upload/": "<!doctype html>", "/upload/page.js": "// The page", "/upload/es.json": "{",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, stack.URL(openapi.BasePath+path), nil)
		must(t, err)
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		text, err := io.ReadAll(response.Body)
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || !response.Uncompressed || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: %d, compressed on its way %t, %.80s", path, response.StatusCode, response.Uncompressed, text)
		}
	}
}

// keyPairs are of some permissions, or of one customer. What they may is handed on by the gateway.
func keyPairs(t *testing.T) {
	b := newBrand(t)
	id, other := b.customer("123-45-6780"), b.customer("123-45-6780")
	start := map[string]any{"program_id": b.program}
	as := func(key map[string]any) *brand {
		pair := *b
		pair.identity, pair.secret = key["Identity"].(string), key["Authorization"].(string)
		return &pair
	}
	want := func(who *brand, method, path string, body any, status int) map[string]any {
		t.Helper()
		got, answer := who.call(method, path, body)
		if got != status || status == http.StatusForbidden && answer["Code"] != "auth_err" {
			t.Errorf("%s %s: %d %v, want %d", method, path, got, answer, status)
		}
		return answer
	}
	reader := as(admin(t, map[string]any{"action": "create_key", "brand_id": b.id, "name": "reader", "permissions": []string{"read"}, "expires_in_days": 1}))
	want(reader, "GET", "/customers/"+id, nil, http.StatusOK)
	want(reader, "POST", kycPath(id), start, http.StatusForbidden)
	want(reader, "GET", "/webhooks", nil, http.StatusForbidden)
	if shown := want(b, "GET", "/auth/key/"+reader.identity, nil, http.StatusOK); shown["last_used_on"] == nil || shown["expires_at"] == nil {
		t.Errorf("the pair in use: %v", shown)
	}

	device := as(want(b, "POST", "/auth/key/temporary/", map[string]any{"customer_id": id}, http.StatusCreated))
	want(device, "POST", kycPath(id), start, http.StatusCreated)
	want(device, "GET", "/customers/"+id, nil, http.StatusOK)
	want(device, "GET", "/customers/"+other, nil, http.StatusForbidden)
	want(device, "POST", kycPath(other), start, http.StatusForbidden)
	want(device, "GET", "/auth/key/"+device.identity, nil, http.StatusForbidden)
	want(device, "POST", "/auth/key/temporary", map[string]any{"customer_id": id}, http.StatusForbidden)
	fromAPage(t, device, "/customers/"+id)
}

// fromAPage asks as a browser does for a page of somebody else's: whether it may, and then for what it wants.
func fromAPage(t *testing.T, device *brand, path string) {
	for _, method := range []string{http.MethodOptions, http.MethodGet} {
		r, err := http.NewRequestWithContext(t.Context(), method, stack.URL(openapi.BasePath+path), nil)
		must(t, err)
		r.Header.Set("Origin", "https://brand.example")
		if method == http.MethodOptions { // without the key pair, which no browser sends then
			r.Header.Set("Access-Control-Request-Method", http.MethodGet)
			r.Header.Set("Access-Control-Request-Headers", "authorization,identity")
		} else {
			r.Header.Set("Identity", device.identity)
			r.Header.Set("Authorization", device.secret)
		}
		response, err := http.DefaultClient.Do(r)
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode/100 != 2 || response.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", method, response.StatusCode, response.Header)
		}
		if method == http.MethodOptions && !strings.Contains(strings.ToLower(response.Header.Get("Access-Control-Allow-Headers")), "identity") {
			t.Errorf("a page may not send a key pair: %v", response.Header)
		}
	}
}

// nobody has a receiver that hangs up: KYC ends all the same, an event waits for its receiver, and one that waits longer
// than the plan is given up.
func nobody(t *testing.T) {
	silent := &silent{Listener: open.silent}
	hooks := receive(silent)
	defer hooks.close()
	b := newBrand(t)
	secret := b.subscribe(silent.Addr())
	first := b.customer("123-45-6780")
	attempt := b.start(first)
	b.until(first, "passed")
	missed := post{event: map[string]any{"event_id": kyc.EventID(attempt, 2)}}
	eventually(t, "the event given up", func() bool { return strings.Contains(delivery(t, b, missed), "exhausted") })

	second := b.customer("123-45-6780")
	b.start(second)
	b.until(second, "passed")
	silent.answers.Store(true)
	hooks.wait(b, second, "kyc.verification.success").verify(t, secret)
}

// notRelayed takes back what relay has noted and what it has sent, as if it had crashed and the stream had gone by, and
// sets the alarm off. A pass by the body's fields is learned on the way.
func notRelayed(t *testing.T, hooks *receiver) {
	b := newBrand(t)
	b.subscribe(open.webhooks.Addr())
	id := b.customer("999-99-0000")
	status, started := b.call("POST", kycPath(id), map[string]any{"program_id": b.program, "ssn": "123-45-6780"})
	if status != http.StatusCreated {
		t.Fatalf("start: %d %v", status, started)
	}
	event := hooks.wait(b, id, "kyc.verification.success")
	if _, read := b.call("GET", "/customers/"+id, nil); read["ssn"] != "XXX-XX-6780" {
		t.Errorf("the number that passed is not the one on file: %v", read["ssn"])
	}
	eventually(t, "the delivery on record", func() bool { return strings.Contains(delivery(t, b, event), "delivered") })
	eventually(t, "relay done", func() bool { return customerOnFile(t, b.id, id).Relayed[b.program] == 2 })

	db := tableClient()
	table := aws.String(stack.Resource("Table"))
	key := func(pk, sk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk}}
	}
	pk := "brand#" + b.id + "#customer#" + id
	for _, k := range []map[string]types.AttributeValue{
		key("brand#"+b.id+"#event#"+fmt.Sprint(event.event["event_id"]), "event"), key(deliveryPK(b, event), "delivery"),
	} {
		_, err := db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: table, Key: k})
		must(t, err)
	}
	_, err := db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: table, Key: key(pk, "customer"), UpdateExpression: aws.String("SET relayed = :none, due_shard = :shard, due_at = :then"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":none":  &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}},
			":shard": &types.AttributeValueMemberS{Value: "due#0"}, ":then": &types.AttributeValueMemberS{Value: kyc.FormatTime(time.Unix(0, 0))},
		},
	})
	must(t, err)
	_, err = stack.Invoke(t.Context(), "TimersFunction", []byte(`{}`))
	must(t, err)
	eventually(t, "the event again", func() bool { return len(hooks.events(b, id)) >= 2 })
	if ids := slices.Compact(hooks.events(b, id)); len(ids) != 1 {
		t.Errorf("sent again under another id: %v", ids)
	}
	if c := customerOnFile(t, b.id, id); c.Relayed[b.program] != 2 || !c.DueAt.IsZero() {
		t.Errorf("relayed %v, due at %v", c.Relayed, c.DueAt)
	}
}

// unreadable puts an item into the table that no version of the product wrote.
func unreadable(t *testing.T, hooks *receiver) {
	db := tableClient()
	_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(stack.Resource("Table")), Item: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "stray"}, "sk": &types.AttributeValueMemberS{Value: "customer"},
	}})
	must(t, err)
	eventually(t, "its keys in the dead-letter queue", func() bool { return deadLetters(t, "RelayDeadLetters", "stray") == 1 })
	b := newBrand(t)
	b.subscribe(open.webhooks.Addr())
	id := b.customer("123-45-6780")
	b.start(id)
	hooks.wait(b, id, "kyc.verification.success")
}

func housekeeping(t *testing.T) {
	b := newBrand(t)
	b.subscribe(open.webhooks.Addr())
	_, listed := b.call("GET", "/webhooks", nil)
	subscription := listed["webhook_subscriptions"].([]any)[0].(map[string]any)
	if status, gone := b.call("DELETE", "/webhooks/"+subscription["id"].(string), nil); status != http.StatusOK {
		t.Errorf("delete subscription: %d %v", status, gone)
	}
	if _, listed := b.call("GET", "/webhooks/", nil); len(listed["webhook_subscriptions"].([]any)) != 0 {
		t.Errorf("after the deletion: %v", listed)
	}
	eventually(t, "the brand in the list", func() bool {
		return strings.Contains(fmt.Sprint(admin(t, map[string]any{"action": "list_brands"})), b.id)
	})
	customer := b.customer("123-45-6780")
	if r := admin(t, map[string]any{"action": "rotate_brand_key", "brand_id": b.id}); r["key_version"] != 2.0 {
		t.Errorf("rotate the brand's key: %v", r)
	}
	if r := admin(t, map[string]any{"action": "rewrap_data_keys", "brand_id": b.id}); r["complete"] != true || r["data_keys_rewrapped"] != 1.0 {
		t.Errorf("wrap data keys anew: %v", r)
	}
	if status, read := b.call("GET", "/customers/"+customer, nil); status != http.StatusOK || read["first_name"] == "" {
		t.Errorf("read what is wrapped anew: %d %v", status, read)
	}
	admin(t, map[string]any{"action": "revoke_key", "brand_id": b.id, "identity": b.identity})
	eventually(t, "the revocation on record", func() bool {
		return strings.Contains(fmt.Sprint(admin(t, map[string]any{"action": "list_audit", "brand_id": b.id})), "revoke_key")
	})
	if all := fmt.Sprint(admin(t, map[string]any{"action": "list_audit", "limit": 100})); !strings.Contains(all, b.id) {
		t.Errorf("on record of the whole stack: %.2000s", all)
	}
	if keys := fmt.Sprint(admin(t, map[string]any{"action": "list_keys", "brand_id": b.id})); !strings.Contains(keys, "date_revoked") {
		t.Errorf("the revoked key: %v", keys)
	}
}

// tableClient reaches into the table past the product.
func tableClient() *dynamodb.Client {
	return dynamodb.NewFromConfig(stack.Config(), func(o *dynamodb.Options) { o.DisableValidateResponseChecksum = true })
}

func deliveryPK(b *brand, p post) string {
	_, listed := b.call("GET", "/webhooks", nil)
	subscription := listed["webhook_subscriptions"].([]any)[0].(map[string]any)
	return fmt.Sprintf("brand#%s#delivery#%s#%s", b.id, subscription["id"], p.event["event_id"])
}

// delivery reads the record of a post's delivery as text.
func delivery(t *testing.T, b *brand, p post) string {
	t.Helper()
	db := tableClient()
	out, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(stack.Resource("Table")), Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: deliveryPK(b, p)}, "sk": &types.AttributeValueMemberS{Value: "delivery"},
	}})
	must(t, err)
	return testbed.Text(out.Item)
}
