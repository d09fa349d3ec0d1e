// Package devstack deploys the product's template, as it is, into a local AWS emulator and makes the stack usable from
// Go: its API's address, its outputs, direct invocations, the functions' log lines. `make run` and the end-to-end tests
// go through it, so that what they show is what the template does.
//
// One thing is set in the template that is submitted: each function's CodeUri, to its own zip, as `sam package` does.
// What the emulator lacks is added afterwards, all of it in httpapi.go.
package devstack

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"kyc/shared/emulator"
)

// bucketPrefix names the bucket for zips and templates; the stack's name follows, so that stacks don't share one.
const bucketPrefix = "deploy-"

// Options say what to deploy and where. Root, Endpoint and StackName are required.
type Options struct {
	Root       string            // the checkout, with template.yaml and functions/
	Endpoint   string            // the emulator's address
	StackName  string            // letters, digits and hyphens
	Parameters map[string]string // values of the template's parameters; the others keep their defaults
	Template   string            // the template's text; empty: Root's template.yaml
	Progress   func(string)      // told what is being done; nil: nobody is
}

// Stack is a deployed stack. Its methods may be called from several goroutines, but for Update, which must be alone.
type Stack struct {
	Name      string
	Outputs   map[string]string
	id        string // a deleted stack is found by its id only
	opts      Options
	config    aws.Config
	resources map[string]string   // logical id to physical id
	functions map[string]function // by logical id
}

// function is what calls to a function and reads of its log need.
type function struct{ arn, logGroup string }

// Deploy builds the functions, creates the stack and opens its API. An error names the resource that failed and why.
// A stack that failed is left as it is, for a look; it goes with its emulator.
func Deploy(ctx context.Context, opts Options) (*Stack, error) {
	s := &Stack{Name: opts.StackName, opts: opts, config: Config(opts.Endpoint)}
	submitted, err := s.upload(ctx)
	if err != nil {
		return nil, err
	}
	s.progress("creating the stack")
	if err := s.create(ctx, submitted); err != nil {
		return nil, err
	}
	return s, s.open(ctx)
}

// Open takes a stack that another tool has deployed into the emulator, opens its API and returns it. Template and
// Parameters are of no use here.
func Open(ctx context.Context, opts Options) (*Stack, error) {
	s := &Stack{Name: opts.StackName, opts: opts, config: Config(opts.Endpoint)}
	return s, s.open(ctx)
}

// Update brings the stack to another template (empty: the same) and other parameters (those not named keep their
// values), with the functions built anew.
func (s *Stack) Update(ctx context.Context, template string, parameters map[string]string) error {
	merged := maps.Clone(s.opts.Parameters)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, parameters)
	s.opts.Parameters = merged
	if template != "" {
		s.opts.Template = template
	}
	submitted, err := s.upload(ctx)
	if err != nil {
		return err
	}
	s.progress("updating the stack")
	if err := s.update(ctx, submitted); err != nil {
		return err
	}
	return s.open(ctx)
}

// open reads what the stack consists of and adds what the emulator left out of its API.
func (s *Stack) open(ctx context.Context) error {
	if err := s.describe(ctx); err != nil {
		return err
	}
	return s.openAPI(ctx)
}

// Config is the SDK's configuration for the emulator at endpoint, with its root credentials.
func Config(endpoint string) aws.Config {
	return aws.Config{
		Region:       emulator.Region,
		BaseEndpoint: aws.String(endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: emulator.AccessKeyID, SecretAccessKey: emulator.SecretAccessKey}, nil
		}),
		// Its own, so that closing a test's idle connections closes nobody else's.
		HTTPClient: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone(), Timeout: time.Minute},
	}
}

// Config is the SDK's configuration for the stack's emulator. It has the root credentials: no policy limits it. An S3
// client must also be given UsePathStyle, a DynamoDB client DisableValidateResponseChecksum.
func (s *Stack) Config() aws.Config { return s.config.Copy() }

// Resource returns the physical id of a resource of the template: a table's name, a queue's URL, a function's name.
// It is empty if the stack has no such resource.
func (s *Stack) Resource(logicalID string) string { return s.resources[logicalID] }

// URL is the address of a path of the API, which is the emulator's until the front door of `make run` shortens it.
// The path starts with a slash.
func (s *Stack) URL(path string) string {
	return s.opts.Endpoint + "/_aws/execute-api/" + s.resources[apiID] + "/$default" + path
}

// FunctionError is what a function returned instead of an answer: an error, a panic, a timeout.
type FunctionError struct {
	Function string
	Payload  string // as Lambda reports it, in JSON
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("function %s ended with an error: %s", e.Function, e.Payload)
}

// Invoke calls a function directly and waits for its answer. The function is named by its logical id or its folder. A
// function that ends with an error gives a [*FunctionError].
func (s *Stack) Invoke(ctx context.Context, name string, payload []byte) ([]byte, error) {
	called, ok := s.functions[name]
	if !ok {
		called, ok = s.functions[LogicalID(name)]
	}
	if !ok {
		return nil, fmt.Errorf("invoke %s: the stack has no such function", name)
	}
	out, err := lambda.NewFromConfig(s.config).Invoke(ctx, &lambda.InvokeInput{FunctionName: &called.arn, Payload: payload})
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", name, err)
	}
	if out.FunctionError != nil {
		return nil, &FunctionError{Function: name, Payload: string(out.Payload)}
	}
	return out.Payload, nil
}

// Delete removes the stack and waits until it is gone. Resources that the template retains stay.
func (s *Stack) Delete(ctx context.Context) error {
	client := cloudformation.NewFromConfig(s.config)
	if _, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &s.Name}); err != nil {
		return fmt.Errorf("delete stack: %w", err)
	}
	return s.wait(ctx, client)
}

// LocalParameters are the template's parameters that every local stack needs: its stage, and the architecture of this
// machine.
func LocalParameters() map[string]string {
	architecture := "arm64"
	if runtime.GOARCH == "amd64" {
		architecture = "x86_64"
	}
	return map[string]string{"Stage": "local", "Mode": "sandbox", "Architecture": architecture}
}

// Functions are the logical ids of the stack's functions, sorted.
func (s *Stack) Functions() []string { return slices.Sorted(maps.Keys(s.functions)) }

func (s *Stack) progress(what string) {
	if s.opts.Progress != nil {
		s.opts.Progress(what)
	}
}
