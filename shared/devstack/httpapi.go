package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// This file is all that a local stack has more than its template says. SAM writes an HTTP API's routes, authorizer and
// CORS into an OpenAPI body, which AWS imports and the emulator does not. The same body, taken from the processed
// template, is imported here.

// apiID is the logical id of the HTTP API.
const apiID = "Api"

// openRoute is how SAM writes that a route has no authorizer although the API has one for all routes.
const openRoute = "NONE"

// openAPIBody is the part of an HTTP API's body that says what the API does.
type openAPIBody struct {
	Paths      map[string]map[string]openAPIMethod `json:"paths"`
	Components struct {
		SecuritySchemes map[string]struct {
			Authorizer *openAPIAuthorizer `json:"x-amazon-apigateway-authorizer"`
		} `json:"securitySchemes"`
	} `json:"components"`
	CORS *openAPICORS `json:"x-amazon-apigateway-cors"`
}

type openAPIMethod struct {
	Integration struct {
		PayloadFormatVersion string          `json:"payloadFormatVersion"`
		URI                  json.RawMessage `json:"uri"`
	} `json:"x-amazon-apigateway-integration"`
	Security []map[string][]string `json:"security"`
}

type openAPIAuthorizer struct {
	URI                  json.RawMessage `json:"authorizerUri"`
	TTLSeconds           *int32          `json:"authorizerResultTtlInSeconds"`
	IdentitySource       []string        `json:"identitySource"`
	PayloadFormatVersion string          `json:"authorizerPayloadFormatVersion"`
	SimpleResponses      bool            `json:"enableSimpleResponses"`
}

type openAPICORS struct {
	AllowCredentials *bool    `json:"allowCredentials"`
	AllowHeaders     []string `json:"allowHeaders"`
	AllowMethods     []string `json:"allowMethods"`
	AllowOrigins     []string `json:"allowOrigins"`
	ExposeHeaders    []string `json:"exposeHeaders"`
	MaxAge           *int32   `json:"maxAge"`
}

// apiImport carries one import's state.
type apiImport struct {
	stack        *Stack
	client       *apigatewayv2.Client
	api          string
	authorizers  map[string]string // security scheme to authorizer id
	integrations map[string]string // function reference to integration id
}

// openAPI gives the stack's HTTP API what its body says, in place of what an earlier call gave it. A stack without an
// API is left alone.
func (s *Stack) openAPI(ctx context.Context) error {
	body, err := s.apiBody(ctx)
	if err != nil || body == nil {
		return err
	}
	i := &apiImport{
		stack: s, client: apigatewayv2.NewFromConfig(s.config), api: s.resources[apiID],
		authorizers: map[string]string{}, integrations: map[string]string{},
	}
	if err := i.clear(ctx); err != nil {
		return fmt.Errorf("clear the API: %w", err)
	}
	for name, scheme := range body.Components.SecuritySchemes {
		if err := i.authorizer(ctx, name, scheme.Authorizer); err != nil {
			return fmt.Errorf("create authorizer %s: %w", name, err)
		}
	}
	for _, declared := range slices.Sorted(maps.Keys(body.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(body.Paths[declared])) {
			for _, path := range matched(declared) {
				err := i.route(ctx, path, method, body.Paths[declared][method])
				if errors.Is(err, errNoFunction) {
					continue // its condition does not hold: CloudFormation takes no other reference to what is not there
				}
				if err != nil {
					return fmt.Errorf("create route %s %s: %w", strings.ToUpper(method), path, err)
				}
			}
		}
	}
	return i.cors(ctx, body.CORS)
}

// matched lists the routes that the emulator needs for a path. A greedy variable stands on AWS for nothing too, as in
// /customers/ for /customers/{proxy+}; the emulator wants at least one character, but takes a route that ends in a slash.
func matched(path string) []string {
	if parent, greedy := strings.CutSuffix(path, "{proxy+}"); greedy {
		return []string{path, parent}
	}
	return []string{path}
}

// apiBody reads the API's body from the template as SAM's transform left it; nil if there is no API.
func (s *Stack) apiBody(ctx context.Context) (*openAPIBody, error) {
	if s.resources[apiID] == "" {
		return nil, nil
	}
	out, err := cloudformation.NewFromConfig(s.config).GetTemplate(ctx, &cloudformation.GetTemplateInput{
		StackName: &s.Name, TemplateStage: cfntypes.TemplateStageProcessed,
	})
	if err != nil {
		return nil, fmt.Errorf("get processed template: %w", err)
	}
	var template struct {
		Resources map[string]struct {
			Properties struct{ Body json.RawMessage }
		}
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.TemplateBody)), &template); err != nil {
		return nil, fmt.Errorf("read the processed template: %w", err)
	}
	raw := template.Resources[apiID].Properties.Body
	if raw == nil {
		return nil, nil
	}
	var conditional any
	err = json.Unmarshal(raw, &conditional)
	if err == nil {
		raw, err = json.Marshal(unconditional(conditional))
	}
	var body openAPIBody
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		return nil, fmt.Errorf("read the API's body: %w", err)
	}
	return &body, nil
}

// unconditional takes each Fn::If for its first branch. SAM writes one around each path, method and address of a function
// with a condition, and nothing in the other branch.
func unconditional(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if branches, ok := v["Fn::If"].([]any); ok && len(branches) == 3 {
			return unconditional(branches[1])
		}
		for name, member := range v {
			v[name] = unconditional(member)
		}
	case []any:
		for n, element := range v {
			v[n] = unconditional(element)
		}
	}
	return value
}

func (i *apiImport) authorizer(ctx context.Context, name string, a *openAPIAuthorizer) error {
	if a == nil {
		return errors.New("it is not a Lambda authorizer, the only kind that is supported here")
	}
	arn, err := i.functionARN(a.URI)
	if err != nil {
		return err
	}
	out, err := i.client.CreateAuthorizer(ctx, &apigatewayv2.CreateAuthorizerInput{
		ApiId: &i.api, Name: &name, AuthorizerType: types.AuthorizerTypeRequest,
		AuthorizerUri:                  aws.String(invocationURI(arn)),
		AuthorizerPayloadFormatVersion: &a.PayloadFormatVersion,
		AuthorizerResultTtlInSeconds:   a.TTLSeconds,
		EnableSimpleResponses:          &a.SimpleResponses,
		IdentitySource:                 a.IdentitySource,
	})
	if err != nil {
		return err
	}
	i.authorizers[name] = aws.ToString(out.AuthorizerId)
	return nil
}

func (i *apiImport) route(ctx context.Context, path, method string, m openAPIMethod) error {
	integration, err := i.integration(ctx, m)
	if err != nil {
		return err
	}
	key := strings.ToUpper(method) + " " + path
	switch {
	case path == "/$default":
		key = "$default"
	case method == "x-amazon-apigateway-any-method":
		key = "ANY " + path
	}
	in := &apigatewayv2.CreateRouteInput{
		ApiId: &i.api, RouteKey: &key, Target: aws.String("integrations/" + integration), AuthorizationType: types.AuthorizationTypeNone,
	}
	for _, requirement := range m.Security {
		for scheme := range requirement {
			if scheme == openRoute {
				continue
			}
			id, ok := i.authorizers[scheme]
			if !ok {
				return fmt.Errorf("its security scheme %s is not in the API's body", scheme)
			}
			in.AuthorizationType, in.AuthorizerId = types.AuthorizationTypeCustom, &id
		}
	}
	_, err = i.client.CreateRoute(ctx, in)
	return err
}

// integration returns the id of the integration for a method's function, one for all routes of that function.
func (i *apiImport) integration(ctx context.Context, m openAPIMethod) (string, error) {
	arn, err := i.functionARN(m.Integration.URI)
	if err != nil {
		return "", err
	}
	if id, ok := i.integrations[arn]; ok {
		return id, nil
	}
	out, err := i.client.CreateIntegration(ctx, &apigatewayv2.CreateIntegrationInput{
		ApiId: &i.api, IntegrationType: types.IntegrationTypeAwsProxy, IntegrationUri: &arn,
		IntegrationMethod: aws.String("POST"), PayloadFormatVersion: &m.Integration.PayloadFormatVersion,
	})
	if err != nil {
		return "", err
	}
	i.integrations[arn] = aws.ToString(out.IntegrationId)
	return i.integrations[arn], nil
}

func (i *apiImport) cors(ctx context.Context, c *openAPICORS) error {
	if c == nil {
		return nil
	}
	_, err := i.client.UpdateApi(ctx, &apigatewayv2.UpdateApiInput{ApiId: &i.api, CorsConfiguration: &types.Cors{
		AllowCredentials: c.AllowCredentials, AllowHeaders: c.AllowHeaders, AllowMethods: c.AllowMethods,
		AllowOrigins: c.AllowOrigins, ExposeHeaders: c.ExposeHeaders, MaxAge: c.MaxAge,
	}})
	if err != nil {
		return fmt.Errorf("set the API's CORS: %w", err)
	}
	return nil
}

// clear removes what an earlier import made, so that an updated stack has the new routes only.
func (i *apiImport) clear(ctx context.Context) error {
	routes, err := i.client.GetRoutes(ctx, &apigatewayv2.GetRoutesInput{ApiId: &i.api})
	if err != nil {
		return err
	}
	for _, route := range routes.Items {
		if _, err := i.client.DeleteRoute(ctx, &apigatewayv2.DeleteRouteInput{ApiId: &i.api, RouteId: route.RouteId}); err != nil {
			return err
		}
	}
	integrations, err := i.client.GetIntegrations(ctx, &apigatewayv2.GetIntegrationsInput{ApiId: &i.api})
	if err != nil {
		return err
	}
	for _, integration := range integrations.Items {
		in := &apigatewayv2.DeleteIntegrationInput{ApiId: &i.api, IntegrationId: integration.IntegrationId}
		if _, err := i.client.DeleteIntegration(ctx, in); err != nil {
			return err
		}
	}
	authorizers, err := i.client.GetAuthorizers(ctx, &apigatewayv2.GetAuthorizersInput{ApiId: &i.api})
	if err != nil {
		return err
	}
	for _, authorizer := range authorizers.Items {
		in := &apigatewayv2.DeleteAuthorizerInput{ApiId: &i.api, AuthorizerId: authorizer.AuthorizerId}
		if _, err := i.client.DeleteAuthorizer(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// functionInURI finds what stands for the function in an invocation address: ${StartKycFunction.Arn}, the reference to
// an alias, or a name that the second argument of Fn::Sub explains.
var functionInURI = regexp.MustCompile(`functions/\$\{([A-Za-z0-9_]+)(?:\.Arn)?\}/invocations`)

// functionARN resolves the function of an invocation address, which is a Fn::Sub with one argument or two.
func (i *apiImport) functionARN(uri json.RawMessage) (string, error) {
	var sub struct {
		Sub json.RawMessage `json:"Fn::Sub"`
	}
	var format string
	variables := map[string]json.RawMessage{}
	if err := json.Unmarshal(uri, &sub); err != nil {
		return "", fmt.Errorf("its address %s is no Fn::Sub", uri)
	}
	if err := json.Unmarshal(sub.Sub, &format); err != nil {
		if err := json.Unmarshal(sub.Sub, &[]any{&format, &variables}); err != nil {
			return "", fmt.Errorf("its address %s is no Fn::Sub", uri)
		}
	}
	match := functionInURI.FindStringSubmatch(format)
	if match == nil {
		return "", fmt.Errorf("its address %s names no function", uri)
	}
	id := match[1]
	if explained, ok := variables[id]; ok {
		var reference struct {
			Ref    string   `json:"Ref"`
			GetAtt []string `json:"Fn::GetAtt"`
		}
		if err := json.Unmarshal(explained, &reference); err != nil {
			return "", fmt.Errorf("its address %s names no function", uri)
		}
		if id = reference.Ref; len(reference.GetAtt) > 0 {
			id = reference.GetAtt[0]
		}
	}
	if function, ok := i.stack.functions[id]; ok {
		return function.arn, nil
	}
	// An alias' physical id is its ARN.
	if physical := i.stack.resources[id]; strings.HasPrefix(physical, "arn:") {
		return physical, nil
	}
	return "", fmt.Errorf("%q: %w", id, errNoFunction)
}

var errNoFunction = errors.New("the stack has no such function")

func invocationURI(functionARN string) string {
	parts := strings.SplitN(functionARN, ":", 5) // arn, partition, service, region, rest
	return fmt.Sprintf("arn:%s:apigateway:%s:lambda:path/2015-03-31/functions/%s/invocations", parts[1], parts[3], functionARN)
}
