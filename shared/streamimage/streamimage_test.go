package streamimage_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kyc/shared/streamimage"
)

// The SDK's types hold a marker for its serializer, which says nothing.
var values = cmpopts.IgnoreUnexported(
	types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberBOOL{}, types.AttributeValueMemberB{},
	types.AttributeValueMemberNULL{}, types.AttributeValueMemberSS{}, types.AttributeValueMemberM{}, types.AttributeValueMemberL{},
)

func image(t *testing.T, text string) map[string]events.DynamoDBAttributeValue {
	t.Helper()
	var i map[string]events.DynamoDBAttributeValue
	if err := json.Unmarshal([]byte(text), &i); err != nil {
		t.Fatal(err)
	}
	return i
}

func TestItem(t *testing.T) {
	s := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	for name, c := range map[string]struct {
		image string
		want  map[string]types.AttributeValue
	}{
		"no image":     {`null`, nil},
		"empty":        {`{}`, map[string]types.AttributeValue{}},
		"text":         {`{"a":{"S":"x"}}`, map[string]types.AttributeValue{"a": s("x")}},
		"empty text":   {`{"a":{"S":""}}`, map[string]types.AttributeValue{"a": s("")}},
		"number":       {`{"a":{"N":"12345678901234567890.5"}}`, map[string]types.AttributeValue{"a": &types.AttributeValueMemberN{Value: "12345678901234567890.5"}}},
		"true":         {`{"a":{"BOOL":true}}`, map[string]types.AttributeValue{"a": &types.AttributeValueMemberBOOL{Value: true}}},
		"false":        {`{"a":{"BOOL":false}}`, map[string]types.AttributeValue{"a": &types.AttributeValueMemberBOOL{Value: false}}},
		"bytes":        {`{"a":{"B":"AAEC"}}`, map[string]types.AttributeValue{"a": &types.AttributeValueMemberB{Value: []byte{0, 1, 2}}}},
		"null":         {`{"a":{"NULL":true}}`, map[string]types.AttributeValue{"a": &types.AttributeValueMemberNULL{Value: true}}},
		"set of texts": {`{"a":{"SS":["x","y"]}}`, map[string]types.AttributeValue{"a": &types.AttributeValueMemberSS{Value: []string{"x", "y"}}}},
		"empty map":    {`{"a":{"M":{}}}`, map[string]types.AttributeValue{"a": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}}},
		"empty list":   {`{"a":{"L":[]}}`, map[string]types.AttributeValue{"a": &types.AttributeValueMemberL{Value: []types.AttributeValue{}}}},
		"nested": {`{"m":{"M":{"l":{"L":[{"S":"x"},{"M":{"n":{"N":"1"}}},{"L":[{"NULL":true}]}]}}}}`, map[string]types.AttributeValue{
			"m": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
				"l": &types.AttributeValueMemberL{Value: []types.AttributeValue{
					s("x"),
					&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"n": &types.AttributeValueMemberN{Value: "1"}}},
					&types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberNULL{Value: true}}},
				}},
			}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := streamimage.Item(image(t, c.image))
			if diff := cmp.Diff(c.want, got, values); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestForeignTypesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"set of numbers": `{"a":{"NS":["1"]}}`, "set of bytes": `{"a":{"BS":["AAEC"]}}`,
		"in a map": `{"m":{"M":{"a":{"NS":["1"]}}}}`, "in a list": `{"l":{"L":[{"S":"x"},{"NS":["1"]}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := streamimage.Item(image(t, text)); err == nil || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
