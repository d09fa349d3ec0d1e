package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyc/shared/devstack"
	"kyc/shared/emulator"
	"kyc/shared/openapi"
	"kyc/shared/testbed"
)

const (
	// invokeDeadline is for one invocation with its container: two seconds on an idle machine.
	invokeDeadline = time.Minute
	// apiDeadline is for the local API to answer at all.
	apiDeadline = time.Minute
	// A webhook is posted before the notifier answers.
	webhookDeadline = 5 * time.Second
)

// These stand in events/ for what only a run can know; the ids beside them are those of package testbed.
const (
	examplePassword = "example-secret-half-of-the-key-pair"
	exampleHook     = "https://hooks.example.com/kyc"
)

// bench is where functions are invoked in containers. What one answers is put into the events of the next, so that
// together they do one whole KYC.
type bench struct {
	*workshop
	docker    *docker
	stack     *devstack.Stack
	variables string            // the file with the functions' environment
	facts     map[string]string // what an event file says, and what is to stand there
	invoked   map[string]bool   // event files
	posts     chan post         // what the webhook's receiver got
	secret    string            // of the subscription
}

type post struct {
	header http.Header
	body   []byte
}

func playLocal(ctx context.Context, w *workshop) error {
	b := &bench{workshop: w, facts: map[string]string{}, invoked: map[string]bool{}, posts: make(chan post, 1)}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"sam validate", b.plain("validate")},
		{"sam validate --lint", b.plain("validate", "--lint")},
		{"sam build", b.plain("build", "--parameter-overrides", "Architecture="+architecture())},
		{"Docker", func(ctx context.Context) (err error) { b.docker, err = openDocker(ctx, w); return err }},
		{"table, queues and key in the AWS emulator", b.resources},
	} {
		if err := w.check(step.name, func() error { return step.do(ctx) }); err != nil {
			return err
		}
	}
	for _, i := range b.invocations() {
		name := "sam local invoke " + devstack.LogicalID(i.function) + " -e events/" + i.event
		if err := w.check(name, func() error { return b.invoke(ctx, i) }); err != nil {
			return err
		}
	}
	if err := w.check("every file of events/ was invoked", b.all); err != nil {
		return err
	}
	return b.api(ctx)
}

// plain is a command of the SAM CLI that only has to succeed.
func (b *bench) plain(args ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := output(ctx, b.sam(ctx, b.samEnvironment(), args...))
		return err
	}
}

// resources deploys the stack into an emulator, for its table, queues and key, and turns off what would call its
// functions: those in the containers are to do the work.
func (b *bench) resources(ctx context.Context) error {
	running, err := emulator.Start(ctx, emulator.Options{Root: b.root})
	if err != nil {
		return err
	}
	b.later(running.Close)
	hook, err := b.receive()
	if err != nil {
		return err
	}
	parameters := devstack.LocalParameters()
	parameters["WebhookTestHosts"] = hook
	b.stack, err = devstack.Deploy(ctx, devstack.Options{
		Root: b.root, Endpoint: running.Endpoint(), StackName: "kyc-sam-local", Parameters: parameters,
	})
	if err != nil {
		return err
	}
	endpoint, err := b.docker.forward(strings.TrimPrefix(running.Endpoint(), "http://"))
	if err != nil {
		return err
	}
	client := lambda.NewFromConfig(b.stack.Config())
	mappings, err := client.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{})
	if err != nil {
		return fmt.Errorf("list event sources: %w", err)
	}
	for _, mapping := range mappings.EventSourceMappings {
		off := &lambda.UpdateEventSourceMappingInput{UUID: mapping.UUID, Enabled: aws.Bool(false)}
		if _, err := client.UpdateEventSourceMapping(ctx, off); err != nil {
			return fmt.Errorf("turn off an event source: %w", err)
		}
	}
	return b.writeVariables(ctx, client, "http://"+endpoint)
}

// writeVariables gives each function in a container the environment of its deployed twin: the resources' physical names.
// The SAM CLI sets only variables that the template declares, which is why it declares AWS_ENDPOINT_URL.
func (b *bench) writeVariables(ctx context.Context, client *lambda.Client, endpoint string) error {
	all := map[string]map[string]string{}
	for _, id := range b.stack.Functions() {
		out, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(b.stack.Resource(id))})
		if err != nil {
			return fmt.Errorf("read the environment of %s: %w", id, err)
		}
		all[id] = map[string]string{}
		if out.Environment != nil {
			maps.Copy(all[id], out.Environment.Variables)
		}
		all[id]["AWS_ENDPOINT_URL"] = endpoint
	}
	content, err := json.Marshal(all)
	if err != nil {
		return err
	}
	b.variables = filepath.Join(b.temporary, "variables.json")
	return os.WriteFile(b.variables, content, 0o600)
}

// receive opens the brand's side of the webhooks and returns its host as functions see it.
func (b *bench) receive() (string, error) {
	listener, seenAs, err := b.docker.open()
	if err != nil {
		return "", err
	}
	server := &http.Server{ReadHeaderTimeout: webhookDeadline, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a part of it has no right signature
		select {
		case b.posts <- post{r.Header, body}:
		default: // nobody waits for a second one
		}
	})}
	go func() { _ = server.Serve(listener) }() // until Close
	b.later(server.Close)
	b.facts[exampleHook] = "http://" + seenAs + "/kyc"
	return seenAs, nil
}

// invocation is one event for one function, and what must come of it.
type invocation struct {
	function, event string
	want            func(ctx context.Context, a answer) error
}

// invocations are one KYC, told by the files of events/ in the order in which it happens, and what is refused on the way.
func (b *bench) invocations() []invocation {
	created := func(path, example string) func(context.Context, answer) error {
		return func(_ context.Context, a answer) error { return errors.Join(a.refusal(), b.learn(a, path, example)) }
	}
	refused := func(code string) func(context.Context, answer) error {
		return func(_ context.Context, a answer) error {
			body, err := a.body(http.StatusBadRequest)
			if err != nil {
				return err
			}
			return body.want("Code", code)
		}
	}
	return []invocation{
		{"admin", "admin-create-brand.json", created("brand_id", testbed.BrandID)},
		{"admin", "admin-create-program.json", created("program_id", testbed.ProgramID)},
		{"admin", "admin-update-policy.json", func(_ context.Context, a answer) error {
			return errors.Join(a.refusal(), a.want("policy_version", "2"))
		}},
		b.createKey(),
		{"admin", "admin-list-brands.json", func(_ context.Context, a answer) error { return errors.Join(a.refusal(), a.want("brands", "*")) }},
		{"admin", "admin-list-programs.json", func(_ context.Context, a answer) error { return errors.Join(a.refusal(), a.want("programs", "*")) }},
		{"admin", "admin-list-keys.json", func(_ context.Context, a answer) error { return errors.Join(a.refusal(), a.want("keys", "*")) }},
		{"authorizer", "authorizer-wrong.json", func(_ context.Context, a answer) error { return a.want("isAuthorized", "false") }},
		{"authorizer", "authorizer.json", func(_ context.Context, a answer) error {
			return a.want("isAuthorized", "true", "context.brand_id", b.facts[testbed.BrandID], "context.identity", b.facts[testbed.Identity])
		}},
		{"customers", "customers-create-invalid.json", refused("create_customer_schema")},
		{"customers", "customers-create-key.json", b.customerCreated},
		{"customers", "customers-create-key.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusConflict, "Code", "idempotency_key_exists")
		}},
		{"customers", "customers-create.json", b.customerCreated},
		{"customers", "customers-read.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "customer_id", b.facts[testbed.CustomerID])
		}},
		{"customers", "customers-update.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "last_name", "Exemplar", "phone", "2025550175")
		}},
		{"customers", "customers-list.json", func(_ context.Context, a answer) error {
			return a.want("statusCode", "200", "body", "*") // a list, not an object
		}},
		{"customers", "customers-addresses-create.json", b.addressAdded},
		{"customers", "customers-addresses-list.json", func(_ context.Context, a answer) error {
			return a.want("statusCode", "200", "body", "*") // a list, not an object
		}},
		{"customers", "customers-addresses-read.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "address_id", b.facts[testbed.AddressID], "street", "PO Box 12")
		}},
		{"customers", "customers-addresses-update.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "address_id", b.facts[testbed.AddressID], "street", "PO Box 21")
		}},
		{"customers", "customers-addresses-delete.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "address_id", b.facts[testbed.AddressID])
		}},
		{"webhooks", "webhooks-create.json", b.subscribed},
		{"webhooks", "webhooks-list.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "webhook_subscriptions", "*")
		}},
		{"webhooks", "webhooks-read.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "webhook_subscription.id", b.facts[testbed.SubscriptionID])
		}},
		{"webhooks", "webhooks-update-invalid.json", refused("webhooks_err")},
		{"webhooks", "webhooks-update.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "webhook_subscription.timeout_seconds", "20", "webhook_subscription.headers", `["X-Tenant"]`)
		}},
		{"webhooks", "webhooks-secret.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "webhook_secret.secret", b.secret)
		}},
		{"webhooks", "webhooks-rotate.json", b.rotated},
		{"relay", "relay.json", func(ctx context.Context, _ answer) error { return b.wantWork(ctx, "") }},
		{"start-kyc", "start-kyc-invalid.json", refused("create_kyc_schema")},
		{"start-kyc", "start-kyc.json", b.started},
		{"admin", "admin-list-retry-requests.json", func(_ context.Context, a answer) error {
			return errors.Join(a.refusal(), a.want("more", "false"))
		}},
		{"admin", "admin-grant-attempts.json", func(_ context.Context, a answer) error { // which takes none away
			return errors.Join(a.refusal(), a.want("kyc_requests_available", "5"))
		}},
		{"relay", "relay-started.json", func(ctx context.Context, _ answer) error { return b.wantWork(ctx, b.facts[testbed.AttemptID]) }},
		{"verifier", "verifier-unreadable.json", func(_ context.Context, a answer) error {
			return a.want("batchItemFailures", `[{"itemIdentifier":"059f36b4-87a3-44ab-83d2-661975830a7d"}]`)
		}},
		{"verifier", "verifier.json", func(_ context.Context, a answer) error { return a.want("batchItemFailures", "[]") }},
		// What relay answers says nothing; that it kept the event is seen by the webhook, below.
		{"relay", "relay-passed.json", func(context.Context, answer) error { return nil }},
		{"get-kyc", "get-kyc.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "kyc_status", "passed", "attempt_id", b.facts[testbed.AttemptID])
		}},
		{"get-kyc", "get-kyc-attempts.json", func(_ context.Context, a answer) error { return b.wantBody(a, http.StatusOK, "attempts", "*") }},
		{"start-kyc", "start-kyc-cancel.json", func(_ context.Context, a answer) error { // too late
			return b.wantBody(a, http.StatusConflict, "Code", "kyc_already_passed", "attempt_id", b.facts[testbed.AttemptID])
		}},
		{"documents", "documents-page.json", func(_ context.Context, a answer) error {
			return a.want("statusCode", "200", "headers.Content-Type", "text/html; charset=utf-8", "headers.Content-Security-Policy", "*")
		}},
		{"documents", "documents-visit.json", b.noLink}, {"documents", "documents-visit-uploads.json", b.noLink},
		{"documents", "documents-invalid.json", refused("input_error")},
		{"documents", "documents-uploads-invalid.json", refused("input_error")},
		{"documents", "documents.json", func(_ context.Context, a answer) error { // nothing is asked for
			return b.wantBody(a, http.StatusConflict, "Code", "resource_conflict", "attempt_id", b.facts[testbed.AttemptID])
		}},
		{"documents", "documents-uploads.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusConflict, "Code", "resource_conflict", "attempt_id", b.facts[testbed.AttemptID])
		}},
		{"reviews", "reviews-document.json", func(_ context.Context, a answer) error { // no document was asked for
			return b.wantBody(a, http.StatusNotFound, "Code", "invalid_reference")
		}},
		{"reviews", "reviews-document-attempt.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusNotFound, "Code", "invalid_reference")
		}},
		{"inspector", "inspector-test.json", func(_ context.Context, a answer) error { return a.want("batchItemFailures", "[]") }},
		{"inspector", "inspector.json", func(_ context.Context, a answer) error { // about another bucket
			return a.want("batchItemFailures", `[{"itemIdentifier":"059f36b4-87a3-44ab-83d2-661975830a7d"}]`)
		}},
		{"notifier", "notifier.json", b.notified},
		{"webhooks", "webhooks-deliveries.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "webhook_deliveries", "*")
		}},
		{"webhooks", "webhooks-delivery.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "webhook_delivery.status", "delivered")
		}},
		{"webhooks", "webhooks-resend.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusAccepted, "webhook_delivery.status", "pending")
		}},
		{"webhooks", "webhooks-test.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusAccepted, "webhook_delivery.event", "webhook.test")
		}},
		{"webhooks", "webhooks-resend-range.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusAccepted, "webhook_resend.include_delivered", "true")
		}},
		{"webhooks", "webhooks-event.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "event", "kyc.verification.success")
		}},
		{"timers", "timers.json", func(_ context.Context, a answer) error { return a.want("customers", "*") }},
		{"simulate", "simulate-clock-invalid.json", refused("input_error")},
		{"simulate", "simulate-clock.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "advanced_seconds", "86400", "complete", "true")
		}},
		{"simulate", "simulate-clock-to.json", func(_ context.Context, a answer) error { // to a time that is past
			return b.wantBody(a, http.StatusOK, "ahead_seconds", "86400", "advanced_seconds", "0")
		}},
		{"simulate", "simulate-document-invalid.json", refused("input_error")},
		{"simulate", "simulate-kyc-pass.json", b.tooLate}, {"simulate", "simulate-kyc-fail.json", b.tooLate},
		{"simulate", "simulate-kyc-timeout.json", b.tooLate}, {"simulate", "simulate-document.json", b.tooLate},
		{"docs", "docs.json", func(_ context.Context, a answer) error {
			return a.want("statusCode", "200", "headers.Content-Type", "text/html; charset=utf-8", "headers.Content-Security-Policy", "*")
		}},
		{"docs", "docs-openapi-yaml.json", func(_ context.Context, a answer) error {
			return a.want("statusCode", "200", "headers.Content-Type", "application/yaml", "body", string(openapi.Document))
		}},
		{"docs", "docs-openapi-json.json", func(_ context.Context, a answer) error { return b.wantBody(a, http.StatusOK, "openapi", "3.1.0") }},
		{"keys", "keys-read.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "Identity", b.facts[testbed.Identity], "name", "backend")
		}},
		{"keys", "keys-temporary-invalid.json", refused("input_error")},
		{"keys", "keys-temporary.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusCreated, "customer_id", b.facts[testbed.CustomerID], "Authorization", "*")
		}},
		{"admin", "admin-revoke-key.json", func(_ context.Context, a answer) error {
			return errors.Join(a.refusal(), a.want("identity", b.facts[testbed.Identity], "revoked", "true"))
		}},
		{"admin", "admin-rotate-stack-secret.json", func(_ context.Context, a answer) error {
			return errors.Join(a.refusal(), a.want("version", "1", "phase", "announced", "done", "false"))
		}},
		{"admin", "admin-continue-rotation.json", func(_ context.Context, a answer) error { // not before ten minutes
			return errors.Join(a.refusal(), a.want("phase", "announced", "done", "false"))
		}},
		{"admin", "admin-rotate-brand-key.json", func(_ context.Context, a answer) error {
			return errors.Join(a.refusal(), a.want("key_version", "2", "destroyable", "false"))
		}},
		{"admin", "admin-rewrap-data-keys.json", func(_ context.Context, a answer) error {
			return errors.Join(a.refusal(), a.want("complete", "true"))
		}},
		{"admin", "admin-destroy-brand-keys.json", func(_ context.Context, a answer) error { // too early
			return a.want("Status", "409", "Code", "resource_conflict")
		}},
		{"admin", "admin-list-audit.json", func(_ context.Context, a answer) error { return errors.Join(a.refusal(), a.want("records", "*")) }},
		{"customers", "customers-delete.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "customer_id", b.facts[testbed.CustomerID], "kept", "*", "backups_until", "*")
		}},
		{"webhooks", "webhooks-delete.json", func(_ context.Context, a answer) error {
			return b.wantBody(a, http.StatusOK, "webhook_subscription.id", b.facts[testbed.SubscriptionID])
		}},
	}
}

// createKey makes a key pair, by which whoever comes after it is known.
func (b *bench) createKey() invocation {
	return invocation{"admin", "admin-create-key.json", func(_ context.Context, a answer) error {
		return errors.Join(a.refusal(), b.learn(a, "Identity", testbed.Identity), b.learn(a, "Authorization", examplePassword))
	}}
}

// noLink wants the answer for the token of events/, which another stack has made.
func (b *bench) noLink(_ context.Context, a answer) error {
	return b.wantBody(a, http.StatusForbidden, "Code", "upload_link_invalid")
}

// tooLate wants the answer for an attempt that has passed.
func (b *bench) tooLate(_ context.Context, a answer) error {
	return b.wantBody(a, http.StatusConflict, "Code", "kyc_already_passed", "attempt_id", b.facts[testbed.AttemptID])
}

// invoke calls a function with an event file, in which the examples are replaced by what this run knows.
func (b *bench) invoke(ctx context.Context, i invocation) error {
	content, err := os.ReadFile(filepath.Join(b.root, "events", i.event))
	if err != nil {
		return err
	}
	b.invoked[i.event] = true
	text := string(content)
	for example, fact := range b.facts {
		text = strings.ReplaceAll(text, example, fact)
	}
	event := filepath.Join(b.temporary, i.event)
	if err := os.WriteFile(event, []byte(text), 0o600); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, invokeDeadline)
	defer cancel()
	cmd := b.sam(limited, b.samEnvironment(b.docker.host...), append([]string{
		"local", "invoke", devstack.LogicalID(i.function), "--event", event, "--env-vars", b.variables,
		"--parameter-overrides", "Architecture=" + architecture(), "Stage=local",
	}, b.docker.samArguments()...)...)
	var log lockedBuffer
	cmd.Stderr = &log
	out, err := outputOnly(limited, cmd)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, lastLines(log.String()))
	}
	a, err := parseAnswer(out)
	if err == nil {
		err = i.want(ctx, a)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, lastLines(log.String()))
	}
	return nil
}

// learn takes a fact from an answer: what stands where events/ have an example.
func (b *bench) learn(a answer, path, example string) error {
	if err := a.want(path, "*"); err != nil {
		return err
	}
	b.facts[example] = a.text(path)
	return nil
}

func (b *bench) wantBody(a answer, status int, pairs ...string) error {
	body, err := a.body(status)
	if err != nil {
		return err
	}
	return body.want(pairs...)
}

func (b *bench) customerCreated(_ context.Context, a answer) error {
	body, err := a.body(http.StatusCreated)
	if err != nil {
		return err
	}
	return b.learn(body, "customer_id", testbed.CustomerID)
}

func (b *bench) addressAdded(_ context.Context, a answer) error {
	body, err := a.body(http.StatusCreated)
	if err != nil {
		return err
	}
	return b.learn(body, "address_id", testbed.AddressID)
}

func (b *bench) subscribed(_ context.Context, a answer) error {
	body, err := a.body(http.StatusCreated)
	if err != nil {
		return err
	}
	b.secret = body.text("webhook_subscription.secret")
	return b.learn(body, "webhook_subscription.id", testbed.SubscriptionID)
}

func (b *bench) rotated(_ context.Context, a answer) error {
	body, err := a.body(http.StatusOK)
	if err != nil {
		return err
	}
	b.secret = body.text("webhook_subscription.secret")
	return body.want("webhook_subscription.secret", "*")
}

func (b *bench) started(_ context.Context, a answer) error {
	body, err := a.body(http.StatusCreated)
	if err != nil {
		return err
	}
	return errors.Join(body.want("kyc_status", "submitted"), b.learn(body, "attempt_id", testbed.AttemptID))
}

// notified looks for the webhook, whose signature anybody's library of Standard Webhooks must find right.
func (b *bench) notified(ctx context.Context, a answer) error {
	if err := a.want("batchItemFailures", "[]"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, webhookDeadline)
	defer cancel()
	select {
	case p := <-b.posts:
		published, err := standardwebhooks.NewWebhook(b.secret)
		if err != nil {
			return fmt.Errorf("the signing secret: %w", err)
		}
		return published.Verify(p.body, p.header)
	case <-ctx.Done():
		return errors.New("the notifier answered, but no webhook came")
	}
}

// wantWork holds the verification queue to one message, about an attempt, or to none.
func (b *bench) wantWork(ctx context.Context, attemptID string) error {
	client := sqs.NewFromConfig(b.stack.Config())
	queue := aws.String(b.stack.Resource("VerificationQueue"))
	out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 10})
	if err != nil {
		return fmt.Errorf("receive verification work: %w", err)
	}
	var bodies []string
	for _, message := range out.Messages {
		bodies = append(bodies, aws.ToString(message.Body))
	}
	if attemptID == "" && len(bodies) == 0 || len(bodies) == 1 && attemptID != "" && strings.Contains(bodies[0], attemptID) {
		return nil
	}
	return fmt.Errorf("the verification queue holds %q, want work for %q alone", bodies, attemptID)
}

// all holds this list to events/: a file that nothing reads goes stale.
func (b *bench) all() error {
	files, err := os.ReadDir(filepath.Join(b.root, "events"))
	if err != nil {
		return err
	}
	var forgotten []string
	for _, file := range files {
		if !b.invoked[file.Name()] {
			forgotten = append(forgotten, file.Name())
		}
	}
	if len(forgotten) > 0 {
		return fmt.Errorf("enter in the list of invocations: %s", strings.Join(forgotten, ", "))
	}
	return nil
}

// api has the SAM CLI's own HTTP front answer, with the authorizer before it, as API Gateway has.
func (b *bench) api(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	site := "http://127.0.0.1:" + port + "/api/v0.1"
	err = b.check("a key pair in place of the one that was revoked", func() error { return b.invoke(ctx, b.createKey()) })
	if err != nil {
		return err
	}
	var server *background
	err = b.check("sam local start-api", func() error {
		server, err = start(b.sam(context.WithoutCancel(ctx), b.samEnvironment(b.docker.host...), append([]string{
			"local", "start-api", "--port", port, "--env-vars", b.variables,
			"--parameter-overrides", "Architecture=" + architecture(), "Stage=local",
		}, b.docker.samArguments()...)...))
		if err != nil {
			return err
		}
		b.later(server.Close)
		return server.until(ctx, apiDeadline, func(ctx context.Context) bool {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, site+"/nothing", nil)
			if err != nil {
				return false
			}
			response, err := http.DefaultClient.Do(request)
			if err == nil {
				discard(response.Body)
			}
			return err == nil
		})
	})
	if err != nil {
		return err
	}
	c := &client{site: site, identity: b.facts[testbed.Identity], secret: b.facts[examplePassword]}
	var customer, attempt string
	steps := []struct {
		name string
		do   func() error
	}{
		{"POST /customers", func() (err error) { customer, err = c.customer(ctx); return err }},
		{"POST /customers/{customer_id}/verification-kyc", func() (err error) {
			attempt, err = c.start(ctx, customer, b.facts[testbed.ProgramID])
			return err
		}},
		{"GET /customers/{customer_id}/verification-kyc", func() error {
			_, state, err := c.state(ctx, customer, b.facts[testbed.ProgramID])
			if err != nil {
				return err
			}
			return state.want("kyc_status", "submitted", "attempt_id", attempt)
		}},
		{"the same with a wrong key pair is refused", func() error {
			wrong := *c
			wrong.secret = "not-the-secret-half"
			status, _, err := wrong.call(ctx, http.MethodGet, "/customers/"+customer, "")
			if err == nil && status != http.StatusForbidden {
				err = fmt.Errorf("it was answered %d, want 403", status)
			}
			return err
		}},
	}
	for _, step := range steps {
		if err := b.check("start-api: "+step.name, step.do); err != nil {
			return fmt.Errorf("%w\n%s", err, lastLines(server.said.String()))
		}
	}
	return nil
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}
