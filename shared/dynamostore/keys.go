package dynamostore

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// TTLAttribute is the attribute by which DynamoDB removes what has expired; template.yaml names it too.
const TTLAttribute = "expires_at"

const (
	dueIndex   = "due"
	listsIndex = "lists"

	// dueShards spreads the alarms over partitions of the index; each sweep queries every shard.
	dueShards = 16
	// dueClocks is the shard of the clocks' own alarms.
	dueClocks = "clocks"
	// listShards spreads one month of a brand's customers, of a subscription's deliveries, or of operators' actions.
	listShards = 4
)

const (
	skBrand         = "brand"
	skSubscriptions = "subscriptions"
	skClock         = "clock"
	skProgram       = "program"
	skCustomer      = "customer"
	skProfile       = "profile"
	skSubscription  = "subscription"
	skDelivery      = "delivery"
	skIdempotency   = "idempotency"
	skAPIKey        = "key"
	skStackSecret   = "secret"
)

func brandPK(brandID string) string { return "brand#" + brandID }

func programPK(brandID, programID string) string { return brandPK(brandID) + "#program#" + programID }

func customerPK(brandID, customerID string) string {
	return brandPK(brandID) + "#customer#" + customerID
}

func subscriptionPK(brandID, subscriptionID string) string {
	return brandPK(brandID) + "#subscription#" + subscriptionID
}

func deliveryPK(brandID, subscriptionID, eventID string) string {
	return brandPK(brandID) + "#delivery#" + subscriptionID + "#" + eventID
}

func idempotencyPK(brandID string, operation kyc.Operation, hash string) string {
	return brandPK(brandID) + "#idempotency#" + string(operation) + "#" + hash
}

func ssnPK(brandID, hash string) string { return brandPK(brandID) + "#ssn#" + hash }

func apiKeyPK(identity string) string { return "key#" + identity }

const stackPK = "stack"

// auditPK is where the records of operators' actions of one month lie, spread over listShards.
func auditPK(month time.Time, n int) string {
	return fmt.Sprintf("audit#%s#%d", month.UTC().Format("2006-01"), n)
}

// auditSK sorts the records by the time when the actions began.
func auditSK(p kyc.AuditPlace) string { return "audit#" + kyc.FormatTime(p.At) + "#" + p.ID }

// attemptSK sorts a program's archived attempts by the time they were submitted.
func attemptSK(programID string, submittedAt time.Time, attemptID string) string {
	return attemptPrefix(programID) + kyc.FormatTime(submittedAt) + "#" + attemptID
}

func attemptPrefix(programID string) string { return "attempt#" + programID + "#" }

// allAttempts begins every attemptSK.
const allAttempts = "attempt#"

func retrySK(programID string) string { return "retry#" + programID }

func ssnSK(customerID string) string { return "ssn#" + customerID }

func eventSK(eventID string) string { return "event#" + eventID }

// parseBrandPK is the inverse of brandPK.
func parseBrandPK(pk string) (string, error) {
	brandID, isBrand := strings.CutPrefix(pk, "brand#")
	if !isBrand || brandID == "" || strings.Contains(brandID, "#") {
		return "", errors.New("a key that is no brand's")
	}
	return brandID, nil
}

// parseCustomerPK is the inverse of customerPK.
func parseCustomerPK(pk string) (brandID, customerID string, err error) {
	rest, isBrand := strings.CutPrefix(pk, "brand#")
	brandID, customerID, isCustomer := strings.Cut(rest, "#customer#")
	if !isBrand || !isCustomer || brandID == "" || customerID == "" {
		return "", "", errors.New("a key that is no customer's")
	}
	return brandID, customerID, nil
}

func dueShard(customerID string) string { return dueShardName(shard(customerID, dueShards)) }

func dueShardName(n int) string { return fmt.Sprintf("due#%d", n) }

const brandsList = "brands"

func programsList(brandID string) string { return "programs#" + brandID }

func keysList(brandID string) string { return "keys#" + brandID }

func retriesList(brandID string) string { return "retries#" + brandID }

func customersList(brandID, customerID string, at time.Time) string {
	return customersShard(brandID, at, shard(customerID, listShards))
}

func customersShard(brandID string, month time.Time, n int) string {
	return fmt.Sprintf("customers#%s#%s#%d", brandID, month.UTC().Format("2006-01"), n)
}

func auditList(brandID string, month time.Time, n int) string {
	return fmt.Sprintf("audit#%s#%s#%d", brandID, month.UTC().Format("2006-01"), n)
}

func deliveriesList(subscriptionID, eventID string, at time.Time) string {
	return fmt.Sprintf("deliveries#%s#%s#%d", subscriptionID, at.UTC().Format("2006-01"), shard(eventID, listShards))
}

func shard(id string, of uint32) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return int(h.Sum32() % of)
}

func itemKey(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": str(pk), "sk": str(sk)}
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func num(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: fmt.Sprint(n)} }
