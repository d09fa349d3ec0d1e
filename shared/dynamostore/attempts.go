package dynamostore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/kyc"
)

// update gathers the parts of an expression, so that each stands beside the value that it needs.
type update struct {
	conditions, sets, removes []string
	names                     map[string]string
	values                    map[string]types.AttributeValue
	err                       error
}

func newUpdate(programID string) *update {
	return &update{
		names:  map[string]string{"#p": programID},
		values: map[string]types.AttributeValue{":one": num(1), ":zero": num(0)},
	}
}

func (u *update) value(name string, v any) {
	av, err := value(v)
	if err != nil && u.err == nil {
		u.err = err
	}
	u.values[name] = av
}

func (u *update) require(condition string)    { u.conditions = append(u.conditions, condition) }
func (u *update) set(assignments ...string)   { u.sets = append(u.sets, assignments...) }
func (u *update) remove(attributes ...string) { u.removes = append(u.removes, attributes...) }

func (u *update) alarm(customerID string, at time.Time) {
	if at.IsZero() {
		u.remove("due_shard", "due_at")
		return
	}
	u.set("due_shard = :due_shard", "due_at = :due_at")
	u.value(":due_shard", dueShard(customerID))
	u.value(":due_at", kyc.FormatTime(at))
}

func (u *update) condition() *string { return aws.String(strings.Join(u.conditions, " AND ")) }

func (u *update) expression() *string {
	e := "SET " + strings.Join(u.sets, ", ")
	if len(u.removes) > 0 {
		e += " REMOVE " + strings.Join(u.removes, ", ")
	}
	return &e
}

// apply runs the update of a customer. It returns what stood in the way when the condition failed.
func (s *Store) apply(ctx context.Context, pk string, u *update) (*kyc.Standing, error) {
	if u.err != nil {
		return nil, u.err
	}
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: itemKey(pk, skCustomer),
		ConditionExpression: u.condition(), UpdateExpression: u.expression(),
		ExpressionAttributeNames: u.names, ExpressionAttributeValues: u.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return standing(failed.Item)
	}
	if err != nil {
		return nil, fmt.Errorf("update customer: %w", err)
	}
	return nil, nil
}

func (u *update) inTransaction(table, pk string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &table, Key: itemKey(pk, skCustomer),
		ConditionExpression: u.condition(), UpdateExpression: u.expression(),
		ExpressionAttributeNames: u.names, ExpressionAttributeValues: u.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

// isOpen is the condition that a customer is there, and was not closed.
const isOpen = "attribute_exists(pk) AND attribute_not_exists(closed_at)"

// openCustomer makes a transaction, which writes what belongs to a customer, conditional on that one: nothing that comes
// late is left behind by an erasure.
func (s *Store) openCustomer(pk string) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &s.table, Key: itemKey(pk, skCustomer), ConditionExpression: aws.String(isOpen),
	}}
}

func standing(old map[string]types.AttributeValue) (*kyc.Standing, error) {
	if len(old) == 0 {
		return &kyc.Standing{}, nil
	}
	c, err := ParseCustomer(old)
	return &kyc.Standing{Customer: &c}, err
}

// OpenAttempt opens an attempt in one call: an update of the customer, and with an idempotency key a transaction of the
// key's record and that update. When it is refused, it returns what stood in the way and has written nothing.
func (s *Store) OpenAttempt(ctx context.Context, start kyc.Start) (*kyc.Standing, error) {
	pk := customerPK(start.BrandID, start.CustomerID)
	u := openAttempt(start)
	if start.Key != nil {
		return s.openWithKey(ctx, start, pk, u)
	}
	stood, err := s.apply(ctx, pk, u)
	if stood != nil && stood.Customer != nil && stood.Customer.Attempts[start.ProgramID].ID == start.Attempt.ID {
		// The SDK repeated a call whose answer was lost: what stands in the way is this very start.
		return nil, nil
	}
	return stood, err
}

func openAttempt(start kyc.Start) *update {
	u := newUpdate(start.ProgramID)
	u.names["#st"] = "st"
	u.require(isOpen)
	// The id is compared because the SDK may repeat a call whose answer was lost, after its attempt has ended already.
	u.require("(attribute_not_exists(kyc.#p) OR kyc.#p.id <> :id AND (kyc.#p.#st IN (:failed, :error, :expired, :canceled)" +
		" OR (kyc.#p.#st = :document_required AND kyc.#p.reenter = :true)))")
	u.value(":id", start.Attempt.ID)
	for _, status := range append(kyc.Restartable(), kyc.DocumentRequired) {
		u.value(":"+string(status), string(status))
	}
	u.value(":true", true)
	u.require("(attribute_exists(kyc.#p) OR size(kyc) < :programs)")
	u.value(":programs", kyc.MaxPrograms)
	if start.Policy.MaxAttempts > 0 {
		u.require("(attribute_not_exists(used.#p) OR used.#p < :max)")
	} else {
		u.require("used.#p < :max") // a grant may have lowered it below zero
	}
	u.value(":max", start.Policy.MaxAttempts)
	u.require("(attribute_not_exists(ended.#p) OR ended.#p <= :not_before)")
	u.value(":not_before", kyc.FormatTime(start.NotBefore()))
	u.require("(attribute_not_exists(prev.#p) OR attribute_type(prev.#p, :null))")
	u.value(":null", "NULL")
	for i, f := range start.Missing {
		name := fmt.Sprintf(":f%d", i)
		u.require("contains(present, " + name + ")")
		u.value(name, string(f))
	}
	u.set("prev.#p = if_not_exists(kyc.#p, :none)", "kyc.#p = :attempt",
		"version.#p = if_not_exists(version.#p, :zero) + :one", "rev = if_not_exists(rev, :zero) + :one")
	u.value(":none", nil)
	u.value(":attempt", fromAttempt(start.Attempt))
	u.alarm(start.CustomerID, start.Alarm())
	return u
}

func (s *Store) openWithKey(ctx context.Context, start kyc.Start, pk string, u *update) (*kyc.Standing, error) {
	taken, err := s.takeKey(start.BrandID, start.Key, start.KeyRecord())
	if err := errors.Join(err, u.err); err != nil {
		return nil, err
	}
	reasons, err := s.transact(ctx, token("open-attempt", start.Attempt.ID), append(taken, u.inTransaction(s.table, pk))...)
	if err != nil || reasons == nil {
		return nil, err
	}
	return s.refusedWithKey(ctx, start, reasons[:len(taken)], reasons[len(taken)])
}

// refusedWithKey reads what stood in the way from a refused transaction's reasons: those of the key and that of the
// customer. Only the request that took the key itself may cost one more read: its answer tells how its attempt stands.
func (s *Store) refusedWithKey(
	ctx context.Context, start kyc.Start, ofKey []types.CancellationReason, ofCustomer types.CancellationReason,
) (stood *kyc.Standing, err error) {
	if conditionFailed(ofCustomer) {
		stood, err = standing(ofCustomer.Item)
	} else {
		stood = &kyc.Standing{Customer: &kyc.Customer{BrandID: start.BrandID, ID: start.CustomerID}} // it did not refuse
	}
	if err != nil {
		return stood, err
	}
	stood.Key, err = keyInTheWay(ofKey)
	if err != nil || stood.Key == nil || stood.Customer == nil || stood.Customer.Closed() || !stood.Key.Of(*start.Key) {
		return stood, err
	}
	if _, known := stood.Customer.AttemptStatus(stood.Key.ProgramID, stood.Key.AttemptID); known {
		return stood, nil
	}
	return stood, s.readKeysAttempt(ctx, start, stood)
}

// readKeysAttempt reads the two items, at once, of which one has the attempt that a key opened.
func (s *Store) readKeysAttempt(ctx context.Context, start kyc.Start, stood *kyc.Standing) error {
	pk := customerPK(start.BrandID, start.CustomerID)
	items, err := s.batchGet(ctx, []map[string]types.AttributeValue{
		itemKey(pk, skCustomer), itemKey(pk, attemptSK(stood.Key.ProgramID, stood.Key.FirstSeenAt, stood.Key.AttemptID)),
	})
	if err != nil {
		return err
	}
	stood.Customer = nil // unless it is still there
	for _, item := range items {
		if isItem(item, skCustomer) {
			c, err := ParseCustomer(item)
			if err != nil {
				return err
			}
			stood.Customer = &c
			continue
		}
		var archived attemptItem
		if err := decode(item, &archived); err != nil {
			return err
		}
		stood.Key.Status = kyc.Status(archived.Status)
	}
	if stood.Customer == nil || stood.Customer.Closed() || stood.Key.Status != "" {
		return nil
	}
	if _, known := stood.Customer.AttemptStatus(stood.Key.ProgramID, stood.Key.AttemptID); !known {
		return fmt.Errorf("attempt %s moved to the archive while it was read", stood.Key.AttemptID)
	}
	return nil
}

// Claim gives a submitted attempt to one worker until the lease ends, and raises its fence. It returns the customer
// with the claimed attempt, or what stood in the way: the attempt has moved on, or another worker's lease is live.
func (s *Store) Claim(ctx context.Context, w kyc.Work, now, until time.Time) (kyc.Customer, *kyc.Standing, error) {
	u := newUpdate(w.ProgramID)
	u.names["#st"] = "st"
	u.require("kyc.#p.id = :attempt AND kyc.#p.#st = :submitted")
	u.require("(attribute_not_exists(kyc.#p.lease) OR kyc.#p.lease <= :now)")
	u.set("kyc.#p.fence = kyc.#p.fence + :one", "kyc.#p.lease = :until", "kyc.#p.holder = :holder", "rev = rev + :one")
	holder := rand.Text()
	u.value(":holder", holder)
	u.value(":attempt", w.AttemptID)
	u.value(":submitted", string(kyc.Submitted))
	u.value(":now", kyc.FormatTime(now))
	u.value(":until", kyc.FormatTime(until))
	delete(u.values, ":zero")
	if u.err != nil {
		return kyc.Customer{}, nil, u.err
	}
	out, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: itemKey(customerPK(w.BrandID, w.CustomerID), skCustomer),
		ConditionExpression: u.condition(), UpdateExpression: u.expression(),
		ExpressionAttributeNames: u.names, ExpressionAttributeValues: u.values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		if heldBy(failed.Item, w.ProgramID) != holder {
			stood, err := standing(failed.Item)
			return kyc.Customer{}, stood, err
		}
		// The SDK repeated a call whose answer was lost: the lease in the way is this very claim's.
		c, err := ParseCustomer(failed.Item)
		return c, nil, err
	}
	if err != nil {
		return kyc.Customer{}, nil, fmt.Errorf("claim attempt: %w", err)
	}
	c, err := ParseCustomer(out.Attributes)
	return c, nil, err
}

// heldBy returns who made the newest claim of the attempt in an item of a customer.
func heldBy(item map[string]types.AttributeValue, programID string) string {
	var customer customerItem
	if decode(item, &customer) != nil {
		return ""
	}
	return customer.KYC[programID].Holder
}

// AdvanceAttempt makes one change of state. Where the change makes the attempt's own fields the identity on file, the
// profile is written in the same transaction. It returns what stood in the way when the attempt, or the profile that
// was judged, is no longer what the change was made from.
func (s *Store) AdvanceAttempt(ctx context.Context, a kyc.Advance) (*kyc.Standing, error) {
	pk := customerPK(a.BrandID, a.CustomerID)
	u := newUpdate(a.ProgramID)
	u.names["#st"] = "st"
	u.require("kyc.#p.id = :id AND kyc.#p.#st = :from AND kyc.#p.fence = :fence AND version.#p = :version")
	u.value(":id", a.From.ID)
	u.value(":from", string(a.From.Status))
	u.value(":fence", a.From.Fence)
	u.value(":version", a.Version)
	if a.ProfileVersion != 0 {
		u.require("profile_version = :profile_version")
		u.value(":profile_version", a.ProfileVersion)
	}
	if (a.To.Status == kyc.Passed || len(a.To.Results) > 0) && kyc.WeakestMode(a.To.Results) == kyc.Sandbox {
		// A stub can never look like a real pass, whatever the code above believes.
		u.names["#mode"] = "mode"
		u.require("kyc.#p.#mode = :sandbox")
		u.value(":sandbox", string(kyc.Sandbox))
	}
	u.set("kyc.#p = :to", "version.#p = version.#p + :one", "rev = rev + :one", "used.#p = if_not_exists(used.#p, :zero) + :used")
	u.value(":to", fromAttempt(a.To))
	u.value(":used", a.Used)
	if a.Ended {
		u.set("ended.#p = :ended")
		u.value(":ended", kyc.FormatTime(a.To.ChangedAt()))
	}
	u.alarm(a.CustomerID, a.Alarm)
	if !a.Learned.Empty() {
		return s.advanceAndLearn(ctx, a, pk, u)
	}
	stood, err := s.apply(ctx, pk, u)
	if stood != nil && stood.Customer != nil && a.Stands(*stood.Customer) {
		return nil, nil // the SDK repeated a call whose answer was lost
	}
	return stood, err
}

// FileDocuments changes an attempt's documents or its link, and leaves its state as it is. It returns what stood in the way when the
// attempt is no longer what the change was made from.
func (s *Store) FileDocuments(ctx context.Context, f kyc.Filing) (*kyc.Standing, error) {
	u := newUpdate(f.ProgramID)
	delete(u.values, ":zero")
	u.names["#st"] = "st"
	u.require("kyc.#p.id = :id AND kyc.#p.#st = :from AND kyc.#p.fence = :fence")
	u.value(":id", f.From.ID)
	u.value(":from", string(f.From.Status))
	u.value(":fence", f.From.Fence)
	u.set("kyc.#p.docs = :docs", "kyc.#p.fence = :next", "rev = rev + :one")
	u.value(":docs", fromDocuments(f.To.Documents))
	u.value(":next", f.To.Fence)
	if f.To.Link != f.From.Link {
		u.names["#link"] = "link"
		u.set("kyc.#p.#link = :link", "kyc.#p.link_to = :link_to")
		u.value(":link", f.To.Link.Generation)
		u.value(":link_to", f.To.Link.Until.Unix())
	}
	return s.apply(ctx, customerPK(f.BrandID, f.CustomerID), u)
}

func (s *Store) advanceAndLearn(ctx context.Context, a kyc.Advance, pk string, u *update) (*kyc.Standing, error) {
	for i, programID := range a.Unpassed {
		name := fmt.Sprintf("#p%d", i)
		u.names[name] = programID
		u.require("kyc." + name + ".#st <> :passed")
		u.value(":passed", string(kyc.Passed))
	}
	if a.Unpassed != nil {
		u.require("size(kyc) = :programs")
		u.value(":programs", len(a.Unpassed))
	}
	u.set("profile_version = profile_version + :one", "present = :present")
	u.values[":present"] = &types.AttributeValueMemberSS{Value: fieldNames(a.Present)}
	fields, err := value(sealedFields(a.Learned))
	if err := errors.Join(err, u.err); err != nil {
		return nil, err
	}
	items := []types.TransactWriteItem{u.inTransaction(s.table, pk), {Update: &types.Update{
		TableName: &s.table, Key: itemKey(pk, skProfile),
		ConditionExpression:      aws.String("profile_version = :judged"),
		UpdateExpression:         aws.String("SET #fields = :fields, profile_version = profile_version + :one"),
		ExpressionAttributeNames: map[string]string{"#fields": "fields"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":judged": num(a.ProfileVersion), ":one": num(1), ":fields": fields,
		},
	}}}
	// The token is of this call: the next judgement of the same identity has encrypted otherwise.
	reasons, err := s.transact(ctx, token("advance-attempt", rand.Text()), append(items, s.ssnEntries(a.BrandID, a.CustomerID, a.SSN)...)...)
	if err != nil || reasons == nil {
		return nil, err
	}
	if conditionFailed(reasons[0]) {
		return standing(reasons[0].Item)
	}
	c, err := s.Customer(ctx, a.BrandID, a.CustomerID)
	return &kyc.Standing{Customer: &c}, err
}

// RecordLate keeps, once, the late results of an attempt that a worker had claimed and someone else has ended: on c where
// it is the current one, and else in the archive, where relay may be still to bring it. It changes nothing else, and does
// nothing where another worker has claimed the attempt since.
func (s *Store) RecordLate(ctx context.Context, c kyc.Customer, programID string, a kyc.Attempt) error {
	if c.Attempts[programID].ID == a.ID {
		u := newUpdate(programID)
		delete(u.values, ":zero")
		u.require(isOpen)
		u.late("kyc.#p.", a)
		u.set("rev = rev + :one")
		stood, err := s.apply(ctx, customerPK(c.BrandID, c.ID), u)
		if err != nil || stood == nil || stood.Customer == nil || stood.Customer.Attempts[programID].ID == a.ID {
			return err
		}
		c = *stood.Customer // with a new attempt
	}
	u := &update{names: map[string]string{}, values: map[string]types.AttributeValue{}}
	u.late("", a)
	if u.err != nil {
		return u.err
	}
	for range 2 {
		_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.table, Key: itemKey(customerPK(c.BrandID, c.ID), attemptSK(programID, a.SubmittedAt, a.ID)),
			ConditionExpression: u.condition(), UpdateExpression: u.expression(),
			ExpressionAttributeNames: u.names, ExpressionAttributeValues: u.values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		failed, refused := errors.AsType[*types.ConditionalCheckFailedException](err)
		if err != nil && !refused {
			return fmt.Errorf("record late results: %w", err)
		}
		replaced := c.Previous[programID]
		if !refused || failed.Item != nil || !replaced.EndedBeside(a) {
			return nil
		}
		replaced.Late, replaced.LateAt = a.Late, a.LateAt
		archived, err := s.archive(ctx, c.BrandID, c.ID, programID, replaced)
		if err != nil || archived {
			return err
		}
		// Relay has just brought it.
	}
	return nil
}

// late sets the late results of the attempt at path, under the conditions of kyc.Attempt.EndedBeside.
func (u *update) late(path string, a kyc.Attempt) {
	u.names["#st"] = "st"
	u.require(path + "id = :id AND " + path + "fence = :fence AND " + path + "#st IN (:error, :expired, :canceled)")
	u.require("attribute_not_exists(" + path + "late)")
	u.value(":id", a.ID)
	u.value(":fence", a.Fence)
	for _, status := range kyc.EndedWithoutResults() {
		u.value(":"+string(status), string(status))
	}
	u.set(path+"late = :late", path+"late_at = :late_at")
	u.value(":late", fromResults(a.Late, a.Mode))
	u.value(":late_at", kyc.FormatTime(a.LateAt))
}

// ArchiveAttempt keeps an attempt that was replaced. Archiving it again does nothing, and neither does archiving the
// attempt of a customer who was closed meanwhile: what is kept of it is there already.
func (s *Store) ArchiveAttempt(ctx context.Context, brandID, customerID, programID string, a kyc.Attempt) error {
	_, err := s.archive(ctx, brandID, customerID, programID, a)
	return err
}

// archive reports whether the attempt was not in the archive yet.
func (s *Store) archive(ctx context.Context, brandID, customerID, programID string, a kyc.Attempt) (bool, error) {
	item := archivedItem(customerPK(brandID, customerID), programID, a)
	put, err := s.newItem(item)
	if err != nil {
		return false, err
	}
	reasons, err := s.transact(ctx, token("archive-attempt", rand.Text()), put, s.openCustomer(item.PK))
	if err != nil {
		return false, fmt.Errorf("archive attempt %s: %w", a.ID, err)
	}
	return reasons == nil, nil
}

func archivedItem(pk, programID string, a kyc.Attempt) attemptItem {
	item := fromAttempt(a)
	item.PK, item.SK = pk, attemptSK(programID, a.SubmittedAt, a.ID)
	return item
}

// ArchivedAttempts lists up to limit attempts that were replaced, newest first, those older than the one that was
// submitted at before with the id beforeID; with a zero before from the newest.
func (s *Store) ArchivedAttempts(ctx context.Context, pair kyc.Pair, before time.Time, beforeID string, limit int) ([]kyc.Attempt, error) {
	pk := customerPK(pair.BrandID, pair.CustomerID)
	in := &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(limit)),
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :program)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": str(pk), ":program": str(attemptPrefix(pair.ProgramID))},
	}
	if !before.IsZero() {
		in.ExclusiveStartKey = itemKey(pk, attemptSK(pair.ProgramID, before, beforeID))
	}
	out, err := s.db.Query(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("query attempts: %w", err)
	}
	var attempts []kyc.Attempt
	var times timeReader
	for _, m := range out.Items {
		var item attemptItem
		if err := decode(m, &item); err != nil {
			return nil, err
		}
		attempts = append(attempts, item.attempt(&times, 0))
	}
	return attempts, times.err
}

// NoteRelayed records how far relay has come, unless that is recorded already, or something before From is not: it was
// not sent, and the alarm that stays on sends it again. An attempt that the archive holds leaves the customer. Where all
// that settles the customer as c, its alarm is switched off too.
func (s *Store) NoteRelayed(ctx context.Context, c kyc.Customer, n kyc.Note) error {
	u := newUpdate(n.ProgramID)
	u.require("attribute_exists(pk)")
	if n.From > 0 {
		u.require("relayed.#p >= :from AND relayed.#p < :to")
		u.value(":from", n.From)
	} else {
		u.require("(attribute_not_exists(relayed.#p) OR relayed.#p < :to)")
	}
	u.set("relayed.#p = :to", "rev = rev + :one")
	u.value(":to", n.To)
	delete(u.values, ":zero")
	if n.Archived != "" {
		u.require("prev.#p.id = :archived")
		u.value(":archived", n.Archived)
		u.remove("prev.#p")
	}
	if n.Settled {
		u.require("rev = :rev")
		u.value(":rev", c.Rev)
		u.remove("due_shard", "due_at")
	}
	stood, err := s.apply(ctx, customerPK(c.BrandID, c.ID), u)
	if err != nil || stood == nil || stood.Customer == nil {
		return err
	}
	without := n
	if stood.Customer.Previous[n.ProgramID].ID != n.Archived {
		without.Archived = "" // it has left already
	}
	if stood.Customer.Rev != c.Rev {
		without.Settled = false // someone wrote since: the alarm is theirs to move
	}
	if without != n {
		return s.NoteRelayed(ctx, c, without)
	}
	return nil
}

// MoveAlarm sets to a real time or, with a zero one, switches off the alarm of a customer that is still as it was seen.
func (s *Store) MoveAlarm(ctx context.Context, c kyc.Customer, at time.Time) error {
	u := newUpdate("")
	clear(u.names)
	delete(u.values, ":zero")
	u.require("rev = :rev")
	u.value(":rev", c.Rev)
	u.set("rev = rev + :one")
	u.alarm(c.ID, at)
	if len(u.names) == 0 {
		u.names = nil
	}
	_, err := s.apply(ctx, customerPK(c.BrandID, c.ID), u)
	return err
}

// Due lists the customers whose alarm has gone off by the real time now, at most limit per shard of the index. An item that is no
// customer is reported beside them, and holds up none.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]kyc.CustomerRef, error) {
	var due []kyc.CustomerRef
	var failed []error
	for n := range dueShards {
		out, err := s.db.Query(ctx, &dynamodb.QueryInput{
			TableName: &s.table, IndexName: aws.String(dueIndex), Limit: aws.Int32(int32(limit)),
			KeyConditionExpression: aws.String("due_shard = :shard AND due_at <= :now"),
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":shard": str(dueShardName(n)), ":now": str(kyc.FormatTime(now)),
			},
		})
		if err != nil {
			return nil, fmt.Errorf("query due: %w", err)
		}
		for _, item := range out.Items {
			ref, err := customerOf(item)
			if err != nil {
				failed = append(failed, err)
				continue
			}
			due = append(due, ref)
		}
	}
	return due, errors.Join(failed...)
}

// customerOf tells from an entry of the index whose alarm it is.
func customerOf(entry map[string]types.AttributeValue) (kyc.CustomerRef, error) {
	var key struct {
		PK string `dynamodbav:"pk"`
	}
	if err := decode(entry, &key); err != nil {
		return kyc.CustomerRef{}, err
	}
	brandID, customerID, err := parseCustomerPK(key.PK)
	return kyc.CustomerRef{BrandID: brandID, CustomerID: customerID}, err
}
