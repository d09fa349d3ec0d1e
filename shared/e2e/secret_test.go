package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// sameSSN has a program refuse whoever has another customer's SSN.
func sameSSN(t *testing.T) {
	b := newBrand(t)
	admin(t, map[string]any{"action": "update_policy", "brand_id": b.id, "program_id": b.program, "policy": map[string]any{"duplicates": "refuse"}})
	first := b.customer("512-68-7301")
	b.start(first)
	b.until(first, "passed")
	second := b.customer("512687301")
	b.start(second)
	if state := b.until(second, "failed"); state["duplicate_customer_ids"].([]any)[0] != first || state["reasons"].([]any)[0] != "duplicate_identity" {
		t.Errorf("the second one: %v", state)
	}
	if status, changed := b.call("PATCH", "/customers/"+second, map[string]any{"ssn": "512-68-7302"}); status != http.StatusOK {
		t.Fatalf("change: %d %v", status, changed)
	}
	b.start(second)
	b.until(second, "passed")
	third := b.customer("512-68-7303")
	if status, started := b.call("POST", kycPath(third), map[string]any{"program_id": b.program, "ssn": "512-68-7304"}); status != http.StatusCreated {
		t.Fatalf("start: %d %v", status, started)
	}
	b.until(third, "passed")
	fourth := b.customer("512-68-7303") // which the third one had on file until then
	b.start(fourth)
	b.until(fourth, "passed")
}

// rotated takes a rotation to its end, in which the table says that every wait is over, and looks whether the functions may
// do what it asks of them.
func rotated(t *testing.T) {
	b := newBrand(t)
	b.customer("512-68-7301")
	r := admin(t, map[string]any{"action": "rotate_stack_secret"})
	if r["phase"] != "announced" {
		t.Fatalf("rotate: %v", r)
	}
	if again := admin(t, map[string]any{"action": "continue_rotation"}); again["phase"] != "announced" {
		t.Errorf("too early: %v", again)
	}
	long := &types.AttributeValueMemberS{Value: kyc.FormatTime(time.Unix(0, 0))}
	for range 20 {
		_, err := tableClient().UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName:        aws.String(stack.Resource("Table")),
			Key:              map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "stack"}, "sk": &types.AttributeValueMemberS{Value: "secret"}},
			UpdateExpression: aws.String("SET since = :long, spread = :long"), ExpressionAttributeValues: map[string]types.AttributeValue{":long": long},
		})
		must(t, err)
		swept := r["customers_swept"]
		if r = admin(t, map[string]any{"action": "continue_rotation"}); r["done"] == true {
			if r["version"] != 2.0 || swept == 0.0 {
				t.Errorf("at the end %v, after %v customers", r, swept)
			}
			return
		}
	}
	t.Errorf("the rotation does not end: %v", r)
}
