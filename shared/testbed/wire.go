package testbed

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"kyc/shared/clock"
)

// Clock stands still until a test moves it. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows the present moment.
func NewClock() *Clock { return &Clock{now: clock.Now()} }

// Now returns what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves the clock forward.
func (c *Clock) Move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// Request is one request of the SDK on its way to the emulator.
type Request struct {
	Operation string // UpdateItem, Decrypt
	Body      []byte
}

// Answer is what came back, or why nothing did.
type Answer struct {
	Response *http.Response
	Err      error
}

// Lost is an answer that never arrived. The SDK repeats such a call.
func Lost() Answer { return Answer{Err: errors.New("the answer was lost on purpose")} }

// Refused is an answer of status 400 with the given JSON body, whose __type names the error.
func Refused(body string) Answer {
	return Answer{Response: &http.Response{
		StatusCode: http.StatusBadRequest, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader(body)),
	}}
}

// Contended is the answer to a transaction that another one stood in the way of, which no emulator ever gives.
func Contended() Answer {
	return Refused(`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"Transaction cancelled",` +
		`"CancellationReasons":[{"Code":"ConditionalCheckFailed","Message":"not to be believed"},{"Code":"TransactionConflict"}]}`)
}

// Through returns the bed as seen through a wire on which each request of the SDK meets hand. It may call pass, which
// hands the request to the emulator, any number of times, and says what the SDK gets to see. hand must be safe for
// concurrent use where the test is concurrent.
func (b *Bed) Through(hand func(r Request, pass func() Answer) Answer) *Bed {
	seen := *b
	seen.AWS = b.AWS.Copy()
	seen.AWS.HTTPClient = wire{b.AWS.HTTPClient, hand}
	return &seen
}

// impatient is the SDK's retryer with next to no wait: the emulator closes a connection now and then.
func impatient() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 10 * time.Millisecond })
}

// whole reads each answer to its end before it hands it on. The emulator writes headers and body apart, and read in
// pieces an answer is lost now and then: the SDK repeats the call, and a write is refused by its own effect.
type whole struct{ to aws.HTTPClient }

func (w whole) Do(r *http.Request) (*http.Response, error) {
	response, err := w.to.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// connections stay open, also those of three races of fifty callers: opening one costs more than a call.
var connections = &http.Client{Transport: func() http.RoundTripper {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 200
	return transport
}(), Timeout: time.Minute}

type wire struct {
	to   aws.HTTPClient
	hand func(Request, func() Answer) Answer
}

func (w wire) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	answer := w.hand(Request{operation, body}, func() Answer {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		response, err := w.to.Do(again)
		return Answer{response, err}
	})
	return answer.Response, answer.Err
}

// Snapshot returns every item of the table by its keys, for comparing.
func (b *Bed) Snapshot(t testing.TB) map[string]map[string]any {
	t.Helper()
	items := map[string]map[string]any{}
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(b.AWS), &dynamodb.ScanInput{TableName: &b.Table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, item := range page.Items {
			plain := map[string]any{}
			must(t, attributevalue.UnmarshalMap(item, &plain))
			items[plain["pk"].(string)+" "+plain["sk"].(string)] = plain
		}
	}
	return items
}

// Put stores an item as it is, whatever was there.
func (b *Bed) Put(t testing.TB, item map[string]types.AttributeValue) {
	t.Helper()
	_, err := dynamodb.NewFromConfig(b.AWS).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &b.Table, Item: item})
	must(t, err)
}
