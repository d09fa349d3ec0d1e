package openapi_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"kyc/shared/kyc"
	"kyc/shared/openapi"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDocumentIsOpenAPI(t *testing.T) {
	// Package contract validates the examples: kin-openapi misreads unevaluatedProperties beside a $ref.
	if err := load(t).Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

func TestEveryOperationNeedsBothHalvesOfAKeyPair(t *testing.T) {
	doc := load(t)
	want := openapi3.SecurityRequirements{{"identity": {}, "authorization": {}}}
	if diff := cmp.Diff(want, doc.Security); diff != "" {
		t.Error(diff)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			statuses := []string{"401", "403", "429", "500", "503"}
			if op.Security != nil {
				if len(*op.Security) > 0 {
					t.Errorf("%s %s has a security of its own", method, path)
				}
				statuses = statuses[2:] // no key that could be missing or wrong
			}
			for _, status := range statuses {
				if op.Responses.Value(status) == nil {
					t.Errorf("%s %s does not document %s", method, path, status)
				}
			}
			if op.RequestBody != nil && op.Responses.Value("413") == nil {
				t.Errorf("%s %s takes a body and does not document 413", method, path)
			}
		}
	}
}

// route is what a route's template and document must agree on.
type route struct {
	Open      bool   // no key is asked for
	Condition string // of the stages that have it; empty for all
}

// The template's routes and the document's are the same, but for the twins that serve a trailing slash.
func TestRoutesAreTheTemplates(t *testing.T) {
	source, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	deployed, err := templateRoutes(source)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]route{}
	for path, item := range load(t).Paths.Map() {
		for method, op := range item.Operations() {
			r := route{Open: op.Security != nil}
			if slices.Contains(op.Tags, "simulate") {
				r.Condition = "IsSandbox"
				if op.Responses.Value("404") == nil {
					t.Errorf("%s %s is not there on live stages, and does not document 404", method, path)
				}
			}
			documented[method+" "+openapi.BasePath+path] = r
		}
	}
	if len(documented) == 0 {
		t.Error("openapi.yaml has no routes")
	}
	if diff := cmp.Diff(deployed, documented); diff != "" {
		t.Errorf("routes of template.yaml (-) and of openapi.yaml (+) differ:\n%s", diff)
	}
}

func TestTemplateRoutes(t *testing.T) {
	got, err := templateRoutes([]byte(`
Resources:
  AFunction:
    Type: AWS::Serverless::Function
    Properties:
      Policies: [!Ref Some]
      Events:
        One: { Type: HttpApi, Properties: { Method: get, Path: /api/v0.1/a } }
        OneSlash: { Type: HttpApi, Properties: { Method: GET, Path: "/api/v0.1/a/{proxy+}" } }
        Open: { Type: HttpApi, Properties: { Method: GET, Path: /api/v0.1/o, Auth: { Authorizer: NONE } } }
        Two: { Type: HttpApi, Properties: { Method: POST, Path: "/api/v0.1/a/{id}" } }
        Work: { Type: SQS, Properties: { Queue: !GetAtt Q.Arn } }
  BFunction:
    Type: AWS::Serverless::Function
    Condition: Some
    Properties: { Events: { One: { Type: HttpApi, Properties: { Method: POST, Path: /api/v0.1/b } } } }
  Table: { Type: AWS::DynamoDB::Table }
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]route{
		"GET /api/v0.1/a": {}, "GET /api/v0.1/o": {Open: true}, "POST /api/v0.1/a/{id}": {}, "POST /api/v0.1/b": {Condition: "Some"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// templateRoutes returns every HTTP event, by "METHOD path".
func templateRoutes(source []byte) (map[string]route, error) {
	// The short tags of CloudFormation (!Ref) stand only where no field is asked for.
	var template struct {
		Resources map[string]struct {
			Condition  string `yaml:"Condition"`
			Properties struct {
				Events map[string]struct {
					Type       string `yaml:"Type"`
					Properties struct {
						Method string `yaml:"Method"`
						Path   string `yaml:"Path"`
						Auth   struct {
							Authorizer string `yaml:"Authorizer"`
						} `yaml:"Auth"`
					} `yaml:"Properties"`
				} `yaml:"Events"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(source, &template); err != nil {
		return nil, err
	}
	routes := map[string]route{}
	for _, resource := range template.Resources {
		for _, event := range resource.Properties.Events {
			if event.Type == "HttpApi" {
				key := strings.ToUpper(event.Properties.Method) + " " + strings.TrimSuffix(event.Properties.Path, "/{proxy+}")
				r := route{event.Properties.Auth.Authorizer == "NONE", resource.Condition}
				if twin, ok := routes[key]; ok && twin != r {
					return nil, fmt.Errorf("%s is not the same with and without a trailing slash", key)
				}
				routes[key] = r
			}
		}
	}
	return routes, nil
}

// What the document says of states and events is what the domain says.
func TestWordsAreTheDomains(t *testing.T) {
	schemas := load(t).Components.Schemas
	words := func(name string) []string {
		var list []string
		for _, v := range schemas[name].Value.Enum {
			list = append(list, v.(string))
		}
		slices.Sort(list)
		return list
	}
	var statuses, events []string
	for _, s := range kyc.Statuses() {
		statuses = append(statuses, string(s))
	}
	for _, e := range kyc.EventNames() {
		events = append(events, string(e))
	}
	slices.Sort(statuses)
	slices.Sort(events)
	if diff := cmp.Diff(statuses, words("KycStatus")); diff != "" {
		t.Errorf("KycStatus (-kyc.Statuses +document):\n%s", diff)
	}
	if diff := cmp.Diff(events, words("EventName")); diff != "" {
		t.Errorf("EventName (-kyc.EventNames +document):\n%s", diff)
	}

	transitions, _ := schemas["KycStatus"].Value.Extensions["x-transitions"].(map[string]any)
	for _, from := range kyc.Statuses() {
		listed, _ := transitions[string(from)].([]any)
		for _, to := range kyc.Statuses() {
			if got, want := slices.Contains(listed, any(string(to))), from.CanBecome(to); got != want {
				t.Errorf("x-transitions: %s to %s is %t, in kyc it is %t", from, to, got, want)
			}
		}
	}

	transitions, _ = schemas["DocumentStatus"].Value.Extensions["x-transitions"].(map[string]any)
	var states, reasons, medias []string
	for _, from := range kyc.DocumentStatuses() {
		states = append(states, string(from))
		listed, _ := transitions[string(from)].([]any)
		for _, to := range kyc.DocumentStatuses() {
			if got, want := slices.Contains(listed, any(string(to))), from.CanBecome(to); got != want {
				t.Errorf("x-transitions: a document from %s to %s is %t, in kyc it is %t", from, to, got, want)
			}
		}
	}
	for _, r := range slices.Concat(kyc.FileRejections(), kyc.DocumentRejections()) {
		reasons = append(reasons, string(r))
	}
	for _, m := range kyc.Medias() {
		medias = append(medias, string(m))
	}
	var papers []string
	for _, p := range kyc.GovernmentID.Papers() {
		papers = append(papers, p.Spellings()...)
	}
	for name, want := range map[string][]string{"DocumentStatus": states, "DocumentReason": reasons, "MediaType": medias, "GovernmentIdKind": papers} {
		slices.Sort(want)
		if diff := cmp.Diff(want, words(name)); diff != "" {
			t.Errorf("%s (-kyc +document):\n%s", name, diff)
		}
	}

	documented := slices.Sorted(maps.Keys(load(t).Webhooks))
	if diff := cmp.Diff(slices.Sorted(slices.Values(append(events, string(kyc.EventTest)))), documented); diff != "" {
		t.Errorf("webhooks (-kyc.EventNames +document):\n%s", diff)
	}
}
