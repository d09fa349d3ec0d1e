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
	// webhookShards spreads the alarms of deliveries and lines.
	webhookShards = 4
	// listShards spreads one month of a brand's customers or events, of a subscription's deliveries, or of records.
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
	skLine          = "line"
	skDelivery      = "delivery"
	skEvent         = "event"
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

func lanePK(l kyc.Lane) string {
	return brandPK(l.BrandID) + "#lane#" + l.SubscriptionID + "#" + l.CustomerID
}

func eventPK(brandID, eventID string) string { return brandPK(brandID) + "#event#" + eventID }

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

// turnSK sorts the events of a lane by state_version, and those of one change by their ids.
func turnSK(programID, eventID string) string {
	return fmt.Sprintf("%s%09d#%s", turnPrefix(programID), kyc.VersionOf(eventID), eventID)
}

func turnPrefix(programID string) string { return "turn#" + programID + "#" }

// answerSK is where a long answer to the try of a time is kept, beside its delivery.
func answerSK(at time.Time) string { return "answer#" + kyc.FormatTime(at) }

// parseBrandPK is the inverse of brandPK.
func parseBrandPK(pk string) (string, error) {
	brandID, isBrand := strings.CutPrefix(pk, "brand#")
	if !isBrand || brandID == "" || strings.Contains(brandID, "#") {
		return "", errors.New("a key that is no brand's")
	}
	return brandID, nil
}

// parseDeliveryPK is the inverse of deliveryPK.
func parseDeliveryPK(pk string) (kyc.DeliveryRef, error) {
	rest, isBrand := strings.CutPrefix(pk, "brand#")
	brandID, rest, isDelivery := strings.Cut(rest, "#delivery#")
	subscriptionID, eventID, whole := strings.Cut(rest, "#")
	if !isBrand || !isDelivery || !whole || brandID == "" || subscriptionID == "" || eventID == "" {
		return kyc.DeliveryRef{}, errors.New("a key that is no delivery's")
	}
	return kyc.DeliveryRef{BrandID: brandID, SubscriptionID: subscriptionID, EventID: eventID}, nil
}

// parseSubscriptionPK is the inverse of subscriptionPK.
func parseSubscriptionPK(pk string) (kyc.SubscriptionRef, error) {
	rest, isBrand := strings.CutPrefix(pk, "brand#")
	brandID, subscriptionID, isSubscription := strings.Cut(rest, "#subscription#")
	if !isBrand || !isSubscription || brandID == "" || subscriptionID == "" {
		return kyc.SubscriptionRef{}, errors.New("a key that is no subscription's")
	}
	return kyc.SubscriptionRef{BrandID: brandID, SubscriptionID: subscriptionID}, nil
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

// eventsOf names the lists of a brand's events, deliveriesOf those of a subscription's deliveries.

func eventsOf(brandID string) func(time.Time, int) string { return monthlyList("events#" + brandID) }

func deliveriesOf(subscriptionID string) func(time.Time, int) string {
	return monthlyList("deliveries#" + subscriptionID)
}

func monthlyList(name string) func(time.Time, int) string {
	return func(month time.Time, n int) string {
		return fmt.Sprintf("%s#%s#%d", name, month.UTC().Format("2006-01"), n)
	}
}

// webhooksShard is where the alarms of deliveries and lines are, apart from those of customers, which must not wait
// behind a mass of them.
func webhooksShard(n int) string { return fmt.Sprintf("webhooks#%d", n) }

// heldShard is where the deliveries are that are held for a subscription, in the order of their events. They have no alarm.
func heldShard(subscriptionID string) string { return "held#" + subscriptionID }

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
