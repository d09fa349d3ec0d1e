package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kyc/shared/testbed"
)

// marked takes a customer of marked values through a whole KYC, whose start brings all that it can, and returns the marks.
func marked(t *testing.T, hooks *receiver) testbed.Marks {
	b := newBrand(t)
	m := testbed.NewMarks()
	m["Authorization"], m["webhook_secret"] = b.secret, b.subscribe(open.webhooks.Addr())
	m["webhook_secret"] = m["webhook_secret"][len("whsec_"):]
	body := map[string]any{"addresses": []any{map[string]any{
		"address_type": "PHYSICAL", "street": m["street"], "street2": m["street2"], "city": m["city"], "state": "CA",
		"zip_code": m["zip_code"], "country": "US", "is_primary": true,
	}}}
	for _, name := range []string{"first_name", "middle_name", "last_name", "dob", "ssn", "phone", "email", "brand_person_id"} {
		body[name] = m[name]
	}
	status, created := b.call("POST", "/customers", body)
	if status != http.StatusCreated {
		t.Fatalf("create: %d %v", status, created)
	}
	id := created["customer_id"].(string)
	start := map[string]any{"program_id": b.program}
	for _, name := range []string{"dob", "ssn", "phone", "email", "ip"} {
		start[name] = m[name]
	}
	for _, want := range []int{http.StatusCreated, http.StatusConflict} {
		if status, answer := b.call("POST", kycPath(id), start, "Idempotency-Key", m["idempotency_key"]); status != want {
			t.Fatalf("start: %d %v", status, answer)
		}
	}
	start["ssn"] = 5
	start[m["last_name"]] = m["ssn"]
	if status, answer := b.call("POST", kycPath(id), start); status != http.StatusBadRequest {
		t.Errorf("a bad start: %d %v", status, answer)
	}
	event := hooks.wait(b, id, "kyc.verification.success")
	if found := m.In(string(event.body)); found != nil {
		t.Errorf("in the event: %q", found)
	}
	header, _ := json.Marshal(event.header)
	if found := m.In(string(header)); found != nil {
		t.Errorf("in the event's headers: %q", found)
	}
	b.until(id, "passed")
	return m
}

// unseen looks for marks in the table, the dead letters and all that the functions have logged.
func unseen(t *testing.T, m testbed.Marks) {
	pages := dynamodb.NewScanPaginator(tableClient(), &dynamodb.ScanInput{TableName: aws.String(stack.Resource("Table")), ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, item := range page.Items {
			if found := m.In(testbed.Text(item)); found != nil {
				t.Errorf("%q in the table, in %s", found, testbed.Text(item))
			}
		}
	}
	for _, queue := range []string{"VerificationDeadLetters", "NotificationDeadLetters", "RelayDeadLetters", "UploadsDeadLetters"} {
		out, err := sqs.NewFromConfig(stack.Config()).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(stack.Resource(queue)), MaxNumberOfMessages: 10, VisibilityTimeout: 1,
		})
		must(t, err)
		for _, message := range out.Messages {
			if found := m.In(aws.ToString(message.Body)); found != nil {
				t.Errorf("%q in %s", found, queue)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	logged := map[string]bool{}
	err := stack.Logs(ctx, func(function, line string) {
		cancel() // what has been read is shown to its end, and is all: nothing runs any more
		logged[function] = true
		if found := m.In(line); found != nil {
			t.Errorf("%q in the log of %s: %s", found, function, line)
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the logs ended: %v", err)
	}
	for _, function := range []string{
		"authorizer", "customers", "start-kyc", "get-kyc", "documents", "webhooks", "keys", "simulate", "docs", "relay", "verifier", "notifier", "inspector", "timers", "admin",
	} {
		if !logged[function] {
			t.Errorf("nothing is logged by %s", function)
		}
	}
}
