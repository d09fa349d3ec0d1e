// Package testbed gives a test what a function finds in AWS, from an emulator with the real semantics: the table as
// template.yaml describes it, a KMS key, queues and a first brand. One emulator serves all tests of a package; each
// test has resources of its own. A test fails, and never skips, where the emulator is missing.
package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"kyc/shared/apigw"
	"kyc/shared/clock"
	"kyc/shared/devstack"
	"kyc/shared/dynamostore"
	"kyc/shared/emulator"
	"kyc/shared/keyring"
	"kyc/shared/kyc"
	"kyc/shared/onboarding"
	"kyc/shared/openapi/contract"
	"kyc/shared/platform"
)

// The ids that the files in events/ speak of.
const (
	BrandID        = "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01"
	ProgramID      = "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02"
	CustomerID     = "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03"
	Identity       = "7a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c04"
	SubscriptionID = "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e05"
	AttemptID      = "8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306"
	AddressID      = "4e5f6a7b-8c9d-4e0f-9a1b-2c3d4e5f6a09"
)

var shared struct {
	once     sync.Once
	e        *emulator.Emulator
	endpoint string
	err      error
}

// Main runs the tests of a package and ends the emulator that they used. Call it from TestMain.
func Main(m *testing.M) {
	m.Run()
	if shared.e != nil {
		_ = shared.e.Close()
	}
}

// running returns the endpoint of everything in AWS.
func running(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		root := Root(t)
		ctx := context.Background() // the emulator outlives the test that is the first to need it
		if shared.err = emulator.Install(ctx, root, func(string) {}); shared.err != nil {
			return
		}
		if shared.e, shared.err = emulator.Start(ctx, emulator.Options{Root: root}); shared.err != nil {
			return
		}
		shared.endpoint, shared.err = withTable(shared.e.Endpoint(), os.Getenv(DynamoDBEndpoint))
	})
	if shared.err != nil {
		t.Fatalf("emulator: %v", shared.err)
	}
	return shared.endpoint
}

// Root returns the folder of the checkout.
func Root(t testing.TB) string {
	t.Helper()
	root, err := emulator.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Bed is what one test has to itself.
type Bed struct {
	AWS                                                    aws.Config
	Table, KeyARN                                          string
	VerificationQueue, NotificationQueue, RelayDeadLetters string
	Endpoint                                               string
	Bucket                                                 string // that Documents makes

	account string
}

// Open makes new resources.
func Open(t testing.TB) *Bed {
	t.Helper()
	endpoint := running(t)
	b := &Bed{AWS: devstack.Config(endpoint), Endpoint: endpoint, Table: "kyc-" + uuid.NewString(), Bucket: "kyc-" + uuid.NewString()}
	// An account of its own: the tokens of transactions are the account's, and the ids of events/ make equal ones.
	b.account = fmt.Sprintf("%012d", rand.Int64N(1e12))
	b.AWS.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: b.account, SecretAccessKey: emulator.SecretAccessKey}, nil
	})
	b.AWS.HTTPClient, b.AWS.Retryer = whole{connections}, impatient
	createTable(t, b)
	key, err := kms.NewFromConfig(b.AWS).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	b.KeyARN = aws.ToString(key.KeyMetadata.Arn)
	for _, url := range []*string{&b.VerificationQueue, &b.NotificationQueue, &b.RelayDeadLetters} {
		q, err := sqs.NewFromConfig(b.AWS).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("kyc-" + uuid.NewString())})
		if err != nil {
			t.Fatalf("create queue: %v", err)
		}
		*url = aws.ToString(q.QueueUrl)
	}
	return b
}

// Setenv sets the environment of a function as template.yaml does, so that its own build() can be called.
func (b *Bed) Setenv(t *testing.T) {
	t.Helper()
	b.Documents(t)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": b.Endpoint, "AWS_REGION": emulator.Region,
		"AWS_ACCESS_KEY_ID": b.account, "AWS_SECRET_ACCESS_KEY": emulator.SecretAccessKey, "AWS_SESSION_TOKEN": "",
		"STAGE": "test", "MODE": "sandbox", "TABLE_NAME": b.Table, "KEY_ARN": b.KeyARN,
		"VERIFICATION_QUEUE_URL": b.VerificationQueue, "NOTIFICATION_QUEUE_URL": b.NotificationQueue,
		"RELAY_DEAD_LETTERS_URL": b.RelayDeadLetters, "SANDBOX_DELAY": "0s", "VERIFIER_TIMEOUT": "30s",
		"WEBHOOK_RETRY_DELAYS": "0s", "WEBHOOK_TEST_HOSTS": "", "DOCUMENTS_BUCKET": b.Bucket, "UPLOADS_QUEUE_URL": b.VerificationQueue, "VIRUS_SCANNER": "none",
		"PUBLIC_URL": "",
	} {
		t.Setenv(name, value)
	}
}

// Store returns the table with the clock now.
func (b *Bed) Store(now func() time.Time) *dynamostore.Store {
	return dynamostore.New(b.AWS, b.Table, now)
}

// Keyring returns a keyring on the table.
func (b *Bed) Keyring() *keyring.Keyring {
	return keyring.New(b.AWS, b.KeyARN, b.Store(clock.Now), clock.Now)
}

// Seed makes the brand, the program, the customer and the key pair that events/ speak of, through the use cases that
// make them in production, and returns the secret half of the key pair.
func (b *Bed) Seed(t testing.TB) kyc.Secret {
	t.Helper()
	store, keys := b.Store(clock.Now), b.Keyring()
	operator := &platform.Service{
		Audit: store, Brands: store, Programs: store, Keys: store, Keyring: keys, Now: clock.Now,
		NewID: ids(uuid.NewString(), BrandID, uuid.NewString(), ProgramID, uuid.NewString(), Identity), // each after its record's
	}
	_, err := operator.Begin(platform.Asked{Action: "create_brand"}).CreateBrand(t.Context(), "Example Brand")
	must(t, err)
	_, err = operator.Begin(platform.Asked{Action: "create_program", BrandID: BrandID}).CreateProgram(t.Context(), BrandID, "Everyday", "First Bank", kyc.PolicyChange{})
	must(t, err)
	_, secret, err := operator.Begin(platform.Asked{Action: "create_key", BrandID: BrandID}).CreateKey(t.Context(), platform.NewKey{BrandID: BrandID, Name: "test_key"})
	must(t, err)
	b.Customer(t, CustomerID, "123-45-6780")
	return secret
}

// Record returns the record of an operator's action, for a change that a test makes in the table itself.
func Record() kyc.AuditRecord {
	return kyc.AuditRecord{ID: uuid.NewString(), At: clock.Now(), Action: "test", Outcome: kyc.AuditDone}
}

// Customer makes a customer of the seeded brand with the given id and SSN.
func (b *Bed) Customer(t testing.TB, customerID, ssn string) {
	t.Helper()
	b.create(t, customerID, onboarding.Input{
		Fields:    map[kyc.Field]string{kyc.FirstName: "Ada", kyc.LastName: "Example", kyc.BirthDate: "1990-05-17", kyc.SSN: ssn},
		Addresses: []kyc.Address{{Type: "PHYSICAL", Street: "345 California St", City: "San Francisco", State: "CA", ZipCode: "94104", Country: "US", IsPrimary: true}},
	})
}

func (b *Bed) create(t testing.TB, customerID string, in onboarding.Input) {
	t.Helper()
	store := b.Store(clock.Now)
	addresses := []string{uuid.NewString(), AddressID}[:len(in.Addresses)]
	desk := &onboarding.Service{
		Customers: store, Programs: store, Vault: b.Keyring(), Clock: clock.For(kyc.Sandbox, store), NewID: ids(append(addresses, customerID)...),
		MagicSSN: func(string) bool { return true },
	}
	_, err := desk.Create(t.Context(), BrandID, in)
	must(t, err)
}

// Start opens an attempt with the given id for a seeded customer.
func (b *Bed) Start(t testing.TB, customerID, attemptID string) {
	t.Helper()
	now := clock.Now()
	stood, err := b.Store(clock.Now).OpenAttempt(t.Context(), kyc.Start{
		BrandID: BrandID, CustomerID: customerID, ProgramID: ProgramID, Policy: kyc.DefaultPolicy(), Now: now,
		Attempt: kyc.Attempt{
			ID: attemptID, Status: kyc.Submitted, SubmittedAt: now, Mode: kyc.Sandbox, PolicyVersion: 1, OpenedBy: Identity,
			Timeline: []kyc.Transition{{Status: kyc.Submitted, At: now}},
		},
	})
	must(t, err)
	if stood != nil {
		t.Fatalf("attempt %s was refused", attemptID)
	}
}

// Keep keeps an event of the seeded customer's attempt, the one that events/notifier.json speaks of.
func (b *Bed) Keep(t testing.TB) kyc.Event {
	t.Helper()
	e := kyc.Event{
		ID: kyc.EventID(AttemptID, 2), Name: kyc.EventSuccess, BrandID: BrandID, CustomerID: CustomerID, ProgramID: ProgramID, AttemptID: AttemptID,
		OccurredAt: clock.Now(), StateVersion: 2, Status: kyc.Passed,
	}
	must(t, b.Store(clock.Now).KeepEvent(t.Context(), e))
	return e
}

// AskFor opens an attempt with the given id that asks a seeded customer for documents, whose ids are those of DocumentID.
func (b *Bed) AskFor(t testing.TB, customerID, attemptID string, types ...kyc.DocumentType) {
	t.Helper()
	b.Start(t, customerID, attemptID)
	store := b.Store(clock.Now)
	c, err := store.Customer(t.Context(), BrandID, customerID)
	must(t, err)
	from, version, next := c.Attempts[ProgramID], c.Versions[ProgramID], 0
	d := kyc.Decide(kyc.Verdict{Documents: types}, kyc.DefaultPolicy(), func() string { next++; return DocumentID(types[next-1]) })
	to, err := from.Advance(d, version+1, clock.Now(), "")
	must(t, err)
	stood, err := store.AdvanceAttempt(t.Context(), kyc.Advance{
		BrandID: BrandID, CustomerID: customerID, ProgramID: ProgramID, From: from, To: to, Version: version, Alarm: clock.Now().Add(kyc.AlarmDelay),
	})
	must(t, err)
	if stood != nil {
		t.Fatalf("attempt %s was not advanced", attemptID)
	}
}

// DocumentID is the id of the document of a type that AskFor asks for.
func DocumentID(t kyc.DocumentType) string {
	return fmt.Sprintf("2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d0%d", slices.Index(kyc.DocumentTypes(), t))
}

// NoFiles is the store of evidence where nothing was sent.
type NoFiles struct{}

// RemoveAll does nothing.
func (NoFiles) RemoveAll(context.Context, kyc.CustomerRef) error { return nil }

// Documents makes the bucket for documents, versioned as template.yaml has it, and returns a client for it.
func (b *Bed) Documents(t testing.TB) *s3.Client {
	t.Helper()
	client := s3.NewFromConfig(b.AWS, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b.Bucket})
	if _, made := errors.AsType[*s3types.BucketAlreadyOwnedByYou](err); !made {
		must(t, err)
	}
	_, err = client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &b.Bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	})
	must(t, err)
	return client
}

// Files lists the versions of all files in the bucket for documents, newest first, as KEY VERSION.
func (b *Bed) Files(t testing.TB) []string {
	t.Helper()
	client := s3.NewFromConfig(b.AWS, func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &b.Bucket})
	must(t, err)
	var files []string
	for _, v := range out.Versions {
		files = append(files, aws.ToString(v.Key)+" "+aws.ToString(v.VersionId))
	}
	for _, m := range out.DeleteMarkers {
		files = append(files, aws.ToString(m.Key)+" delete marker "+aws.ToString(m.VersionId))
	}
	return files
}

// Messages receives and deletes all messages of a queue.
func (b *Bed) Messages(t testing.TB, url string) []string {
	t.Helper()
	client := sqs.NewFromConfig(b.AWS)
	var bodies []string
	for {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		must(t, err)
		if len(out.Messages) == 0 {
			slices.Sort(bodies)
			return bodies
		}
		for _, m := range out.Messages {
			bodies = append(bodies, aws.ToString(m.Body))
			_, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
			must(t, err)
		}
	}
}

// Items returns every item of the table.
func (b *Bed) Items(t testing.TB) []map[string]types.AttributeValue {
	t.Helper()
	out, err := dynamodb.NewFromConfig(b.AWS).Scan(t.Context(), &dynamodb.ScanInput{TableName: &b.Table, ConsistentRead: aws.Bool(true)})
	must(t, err)
	return out.Items
}

// Event reads a file of events/ into v.
func Event(t testing.TB, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(Root(t), "events", name))
	must(t, err)
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("events/%s: %v", name, err)
	}
}

// Seeded makes new resources with the brand of Seed, and sets the environment of a function to them. It returns the
// secret half of the brand's key pair too.
func Seeded(t *testing.T) (*Bed, kyc.Secret) {
	t.Helper()
	b := Open(t)
	b.Setenv(t)
	return b, b.Seed(t)
}

// HTTPEvent reads an HTTP event of events/.
func HTTPEvent(t testing.TB, name string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	var e events.APIGatewayV2HTTPRequest
	Event(t, name, &e)
	return e
}

// HTTP handles an HTTP event and returns the answer's status and body, an object, after holding both to openapi.yaml.
func HTTP(t testing.TB, handle apigw.Func, e events.APIGatewayV2HTTPRequest) (int, map[string]any) {
	t.Helper()
	r := Whole(t, handle, e)
	body := map[string]any{}
	must(t, json.Unmarshal([]byte(r.Body), &body))
	return r.StatusCode, body
}

// Whole handles an HTTP event and returns the whole answer, after holding it to openapi.yaml.
func Whole(t testing.TB, handle apigw.Func, e events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	t.Helper()
	r, err := handle(Context(t), e)
	must(t, err)
	path := e.RawPath
	if e.RawQueryString != "" {
		path += "?" + e.RawQueryString
	}
	contract.Check(t, e.RequestContext.HTTP.Method, path, []byte(e.Body), r.StatusCode, r.Headers, r.Body)
	return r
}

// Context returns a context like that of an invocation.
func Context(t testing.TB) context.Context {
	return lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "00000000-0000-4000-8000-000000000000"})
}

func ids(list ...string) func() string {
	return func() string {
		id := list[0]
		list = list[1:]
		return id
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// createTable makes the table as template.yaml describes it.
func createTable(t testing.TB, b *Bed) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(Root(t), "template.yaml"))
	must(t, err)
	type keySchema []struct {
		AttributeName string `yaml:"AttributeName"`
		KeyType       string `yaml:"KeyType"`
	}
	var template struct {
		Resources struct {
			Table struct {
				Properties struct {
					AttributeDefinitions []struct {
						AttributeName string `yaml:"AttributeName"`
						AttributeType string `yaml:"AttributeType"`
					} `yaml:"AttributeDefinitions"`
					KeySchema keySchema `yaml:"KeySchema"`
					Indexes   []struct {
						IndexName string    `yaml:"IndexName"`
						KeySchema keySchema `yaml:"KeySchema"`
					} `yaml:"GlobalSecondaryIndexes"`
				} `yaml:"Properties"`
			} `yaml:"Table"`
		} `yaml:"Resources"`
	}
	must(t, yaml.Unmarshal(raw, &template))
	keys := func(schema keySchema) []types.KeySchemaElement {
		var elements []types.KeySchemaElement
		for _, k := range schema {
			elements = append(elements, types.KeySchemaElement{AttributeName: aws.String(k.AttributeName), KeyType: types.KeyType(k.KeyType)})
		}
		return elements
	}
	table := template.Resources.Table.Properties
	in := &dynamodb.CreateTableInput{TableName: &b.Table, BillingMode: types.BillingModePayPerRequest, KeySchema: keys(table.KeySchema)}
	for _, a := range table.AttributeDefinitions {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(a.AttributeName), AttributeType: types.ScalarAttributeType(a.AttributeType),
		})
	}
	for _, i := range table.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(i.IndexName), KeySchema: keys(i.KeySchema), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		})
	}
	if len(in.KeySchema) != 2 || len(in.GlobalSecondaryIndexes) == 0 {
		t.Fatal(fmt.Errorf("template.yaml does not describe the table as expected: %s", strings.TrimSpace(b.Table)))
	}
	_, err = dynamodb.NewFromConfig(b.AWS).CreateTable(t.Context(), in)
	if _, repeated := errors.AsType[*types.ResourceInUseException](err); !repeated { // its name is ours alone
		must(t, err)
	}
}

// Text writes an item with every value in it, binary ones as their bytes, for searching.
func Text(item map[string]types.AttributeValue) string {
	var b strings.Builder
	for name, v := range item {
		b.WriteString(name + "=" + valueText(v) + "\n")
	}
	return b.String()
}

func valueText(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberB:
		return string(v.Value)
	case *types.AttributeValueMemberSS:
		return strings.Join(v.Value, " ")
	case *types.AttributeValueMemberM:
		return "{" + Text(v.Value) + "}"
	case *types.AttributeValueMemberL:
		var b strings.Builder
		for _, element := range v.Value {
			b.WriteString(valueText(element) + " ")
		}
		return b.String()
	}
	return ""
}

// StreamImage returns an item in the JSON form of the table's stream.
func StreamImage(item map[string]types.AttributeValue) map[string]any {
	image := map[string]any{}
	for name, v := range item {
		image[name] = streamValue(v)
	}
	return image
}

func streamValue(v types.AttributeValue) map[string]any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *types.AttributeValueMemberB:
		return map[string]any{"B": v.Value}
	case *types.AttributeValueMemberSS:
		return map[string]any{"SS": v.Value}
	case *types.AttributeValueMemberM:
		return map[string]any{"M": StreamImage(v.Value)}
	case *types.AttributeValueMemberL:
		list := []any{}
		for _, element := range v.Value {
			list = append(list, streamValue(element))
		}
		return map[string]any{"L": list}
	}
	return map[string]any{"NULL": true}
}
