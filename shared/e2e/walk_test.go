package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kyc/shared/openapi/contract"
)

// This file walks over every operation of openapi.yaml, so that a new route can't be forgotten.

// ids are what a request may name, by the parameter's or member's name in the document.
type ids map[string]string

// labels look like ids and name nothing of ours: what a brand calls a customer, and a document.
var labels = []string{"brand_person_id", "government_id"}

// named reports whether a parameter or member names something.
func named(name string) bool {
	return (strings.HasSuffix(name, "_id") || name == "identity") && !slices.Contains(labels, name)
}

// holding makes one of everything that can be named, and waits until nothing moves.
func (b *brand) holding() ids {
	b.t.Helper()
	customer := b.customer("333-33-3333")
	attempt := b.start(customer)
	document := b.until(customer, "document_required")["documents"].([]any)[0].(map[string]any)["document_id"].(string)
	passport := map[string]any{"type": "passport", "country": "US", "front_image": submitted("front.jpg", photo(1))}
	if status, answer := b.call("POST", kycPath(customer)+"/documents", map[string]any{"government_id": passport}); status != http.StatusCreated {
		b.t.Fatalf("submit: %d %v", status, answer)
	}
	b.until(customer, "under_review")
	if status, answer := b.call("POST", "/simulate/kyc-pass", map[string]any{"customer_id": customer, "program_id": b.program}); status != http.StatusOK {
		b.t.Fatalf("pass: %d %v", status, answer)
	}
	eventually(b.t, "all noted as relayed, no alarm left", func() bool {
		c := customerOnFile(b.t, b.id, customer)
		return c.Relayed[b.program] == 4 && c.DueAt.IsZero()
	})
	b.subscribe(open.webhooks.Addr())
	_, listed := b.call("GET", "/webhooks", nil)
	subscription := listed["webhook_subscriptions"].([]any)[0].(map[string]any)["id"].(string)
	event := "evt_" + attempt + "_2" // of before the subscription
	delivery := "/webhooks/" + subscription + "/deliveries/" + event
	if status, answer := b.call("POST", delivery+"/resend", nil); status != http.StatusAccepted {
		b.t.Fatalf("resend: %d %v", status, answer)
	}
	eventually(b.t, "delivered", func() bool {
		_, read := b.call("GET", delivery, nil)
		return read["webhook_delivery"].(map[string]any)["status"] == "delivered"
	})
	return ids{"document_id": document, "side": "front", "address_id": b.address(customer), "customer_id": customer, "program_id": b.program, "webhook_id": subscription, "event_id": event, "attempt_id": attempt, "identity": b.identity}
}

// address returns the id of a customer's address.
func (b *brand) address(customer string) string {
	b.t.Helper()
	_, read := b.call("GET", "/customers/"+customer, nil)
	return read["addresses"].([]any)[0].(map[string]any)["address_id"].(string)
}

// request is the path and the body of an operation that names these ids.
func request(t *testing.T, o contract.Operation, body map[string]any, with ids) (path string, sent []byte) {
	t.Helper()
	value := func(name string) string {
		v, ok := with[name]
		if !ok {
			t.Fatalf("%s takes %s: give holding one", o, name)
		}
		return v
	}
	path = o.Path
	for _, name := range o.Parameters {
		path = strings.Replace(path, "{"+name+"}", value(name), 1)
	}
	query := url.Values{}
	for _, name := range o.Query {
		if named(name) || slices.Contains(o.RequiredQuery, name) {
			query.Set(name, value(name))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if body != nil {
		sent, _ = json.Marshal(renamed(body, with))
	}
	return path, sent
}

// renamed returns a body in which each member that names something names what is in with.
func renamed(value any, with ids) any {
	switch v := value.(type) {
	case map[string]any:
		c := map[string]any{}
		for name, member := range v {
			c[name] = renamed(member, with)
			if _, isText := member.(string); isText && named(name) && with[name] != "" {
				c[name] = with[name]
			}
		}
		return c
	case []any:
		var c []any
		for _, element := range v {
			c = append(c, renamed(element, with))
		}
		return c
	}
	return value
}

// names lists what an operation's request names.
func names(o contract.Operation) []string {
	found := map[string]bool{}
	for _, name := range slices.Concat(o.Parameters, o.Query) {
		found[name] = named(name)
	}
	var members func(any)
	members = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, member := range v {
				found[name] = found[name] || named(name)
				members(member)
			}
		case []any:
			for _, element := range v {
				members(element)
			}
		}
	}
	for _, body := range o.Bodies {
		members(body)
	}
	maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(found))
}

// bodies are those of an operation, or none.
func bodies(o contract.Operation) []map[string]any {
	if len(o.Bodies) == 0 {
		return []map[string]any{nil}
	}
	return o.Bodies
}

// foreign names what is another brand's, alone and together with what is its own, and must be told word for word what is
// told of what does not exist.
func foreign(t *testing.T) {
	owner, other := newBrand(t), newBrand(t)
	theirs, own := owner.holding(), other.holding()
	before := onFile(t, owner, other)
	asked := 0
	for _, o := range contract.Operations(t) {
		slots := names(o)
		for _, body := range bodies(o) {
			for set := 1; set < 1<<len(slots); set++ {
				real, unknown := maps.Clone(own), maps.Clone(own)
				var foreign []string
				for n, name := range slots {
					if set>>n&1 == 1 {
						real[name], unknown[name] = theirs[name], uuid.NewString()
						foreign = append(foreign, name)
					}
				}
				answer := func(with ids) string {
					path, sent := request(t, o, body, with)
					status, answer := other.send(o.Method, path, sent, "Content-Type", "application/json")
					text := fmt.Sprint(status, " ", answer)
					for name, id := range with {
						text = strings.ReplaceAll(text, id, name)
					}
					if status < 400 || status == http.StatusUnauthorized || status >= 500 {
						t.Errorf("%s with the %q of another brand: %s", o, foreign, text)
					}
					return text
				}
				if diff := cmp.Diff(answer(unknown), answer(real)); diff != "" {
					t.Errorf("%s with the %q of another brand (-unknown +another brand's):\n%s", o, foreign, diff)
				}
				asked++
			}
		}
	}
	if diff := cmp.Diff(before, onFile(t, owner, other)); diff != "" {
		t.Errorf("the table (-before +after):\n%s", diff)
	}
	// The owner is told something else, or all of this compared nothing.
	for _, o := range contract.Operations(t) {
		if len(names(o)) == 0 {
			continue
		}
		path, sent := request(t, o, bodies(o)[0], theirs)
		if status, answer := owner.send(o.Method, path, sent, "Content-Type", "application/json"); status == http.StatusNotFound || status == http.StatusBadRequest || status >= 500 {
			t.Errorf("%s of the owner: %d %v", o, status, answer)
		}
	}
	t.Logf("%d ways to name what is another brand's", asked)
}

// onFile returns the items of brands by their keys.
func onFile(t *testing.T, brands ...*brand) map[string]map[string]any {
	t.Helper()
	items := map[string]map[string]any{}
	for _, b := range brands {
		pages := dynamodb.NewScanPaginator(tableClient(), &dynamodb.ScanInput{
			TableName: aws.String(stack.Resource("Table")), ConsistentRead: aws.Bool(true), FilterExpression: aws.String("contains(pk, :id)"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":id": &types.AttributeValueMemberS{Value: b.id}},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			must(t, err)
			for _, item := range page.Items {
				plain := map[string]any{}
				must(t, attributevalue.UnmarshalMap(item, &plain))
				items[fmt.Sprint(plain["pk"], " ", plain["sk"])] = plain
			}
		}
	}
	return items
}
