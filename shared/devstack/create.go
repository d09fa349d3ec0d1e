package devstack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"
)

const (
	// A stack takes one to two seconds.
	stackDeadline = 2 * time.Minute
	stackPoll     = 50 * time.Millisecond
	templateKey   = "template.yaml"
)

var capabilities = []types.Capability{types.CapabilityCapabilityIam, types.CapabilityCapabilityAutoExpand}

// StackError says which resource a stack failed at, and why.
type StackError struct {
	Stack    string
	Resource string // the logical id; empty if the stack as a whole was refused
	Reason   string
}

func (e *StackError) Error() string {
	if e.Resource == "" {
		return fmt.Sprintf("the stack %s could not be made: %s", e.Stack, e.Reason)
	}
	return fmt.Sprintf("the stack %s could not be made: %s: %s", e.Stack, e.Resource, e.Reason)
}

// upload builds the functions, puts their zips and the template into a bucket of the emulator, and returns the
// template's address. By address a template may be longer than the 51,200 bytes of a request.
func (s *Stack) upload(ctx context.Context) (string, error) {
	template := s.opts.Template
	if template == "" {
		text, err := os.ReadFile(filepath.Join(s.opts.Root, "template.yaml"))
		if err != nil {
			return "", fmt.Errorf("read the template: %w", err)
		}
		template = string(text)
	}
	_, functions, err := withCode(template, func(string) string { return "" })
	if err != nil {
		return "", err
	}
	s.progress("building the functions")
	files, err := s.build(ctx, functions)
	if err != nil {
		return "", err
	}
	bucket := bucketPrefix + strings.ToLower(s.Name)
	submitted, _, err := withCode(template, func(id string) string { return "s3://" + bucket + "/" + zipKey(id, files[id]) })
	if err != nil {
		return "", err
	}
	objects := map[string][]byte{templateKey: []byte(submitted)}
	for id, zipped := range files {
		objects[zipKey(id, zipped)] = zipped
	}
	if err := s.put(ctx, bucket, objects); err != nil {
		return "", fmt.Errorf("upload the functions: %w", err)
	}
	return s.opts.Endpoint + "/" + bucket + "/" + templateKey, nil
}

// zipKey is another one for other code, by which an update sees that a function has changed.
func zipKey(id string, zipped []byte) string {
	return fmt.Sprintf("%s-%x.zip", Folder(id), sha256.Sum256(zipped))
}

func (s *Stack) put(ctx context.Context, bucket string, objects map[string][]byte) error {
	client := s3.NewFromConfig(s.config, func(o *s3.Options) { o.UsePathStyle = true })
	var exists *s3types.BucketAlreadyOwnedByYou
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil && !errors.As(err, &exists) {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for key, content := range objects {
		group.Go(func() error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)})
			return err
		})
	}
	return group.Wait()
}

func (s *Stack) create(ctx context.Context, templateURL string) error {
	client := cloudformation.NewFromConfig(s.config)
	out, err := client.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: &s.Name, TemplateURL: &templateURL, Parameters: s.parameters(), Capabilities: capabilities,
		// The failed resources stay, and with them their reasons.
		OnFailure: types.OnFailureDoNothing,
	})
	if err != nil {
		return s.refused("create stack", err)
	}
	s.id = aws.ToString(out.StackId)
	return s.wait(ctx, client)
}

func (s *Stack) update(ctx context.Context, templateURL string) error {
	client := cloudformation.NewFromConfig(s.config)
	_, err := client.UpdateStack(ctx, &cloudformation.UpdateStackInput{
		StackName: &s.Name, TemplateURL: &templateURL, Parameters: s.parameters(), Capabilities: capabilities,
	})
	if err != nil {
		return s.refused("update stack", err)
	}
	return s.wait(ctx, client)
}

// refused makes the emulator's word on a template or a parameter out of an error of a call.
func (s *Stack) refused(what string, err error) error {
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		return &StackError{Stack: s.Name, Reason: refusal.ErrorMessage()}
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (s *Stack) parameters() []types.Parameter {
	var list []types.Parameter
	for _, key := range slices.Sorted(maps.Keys(s.opts.Parameters)) {
		list = append(list, types.Parameter{ParameterKey: aws.String(key), ParameterValue: aws.String(s.opts.Parameters[key])})
	}
	return list
}

// wait returns when the stack has come to rest: nil if it is as wanted, else a [*StackError].
func (s *Stack) wait(ctx context.Context, client *cloudformation.Client) error {
	ctx, cancel := context.WithTimeout(ctx, stackDeadline)
	defer cancel()
	tick := time.NewTicker(stackPoll)
	defer tick.Stop()
	for {
		out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &s.id})
		if err != nil {
			return fmt.Errorf("describe stack: %w", err)
		}
		if len(out.Stacks) == 0 {
			return errors.New("describe stack: the emulator knows no such stack")
		}
		stack := out.Stacks[0]
		switch stack.StackStatus {
		case types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusDeleteComplete:
			return nil
		case types.StackStatusCreateInProgress, types.StackStatusUpdateInProgress, types.StackStatusDeleteInProgress,
			types.StackStatusUpdateCompleteCleanupInProgress, types.StackStatusRollbackInProgress,
			types.StackStatusUpdateRollbackInProgress, types.StackStatusUpdateRollbackCompleteCleanupInProgress:
		default:
			return s.failure(ctx, client, stack)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the stack, which is %s: %w", stack.StackStatus, ctx.Err())
		}
	}
}

// failure finds the first resource that failed in the stack's latest operation; the later ones failed because of it.
func (s *Stack) failure(ctx context.Context, client *cloudformation.Client, stack types.Stack) error {
	failed := &StackError{Stack: s.Name, Reason: aws.ToString(stack.StackStatusReason)}
	if failed.Reason == "" {
		failed.Reason = string(stack.StackStatus)
	}
	// Newest first. The stack's own event "in progress" starts the operation.
	pages := cloudformation.NewDescribeStackEventsPaginator(client, &cloudformation.DescribeStackEventsInput{StackName: &s.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe stack events: %w", err)
		}
		for _, event := range page.StackEvents {
			own := aws.ToString(event.PhysicalResourceId) == aws.ToString(stack.StackId)
			switch event.ResourceStatus {
			case types.ResourceStatusCreateInProgress, types.ResourceStatusUpdateInProgress, types.ResourceStatusDeleteInProgress:
				if own {
					return failed
				}
			case types.ResourceStatusCreateFailed, types.ResourceStatusUpdateFailed, types.ResourceStatusDeleteFailed:
				if !own {
					failed.Resource, failed.Reason = aws.ToString(event.LogicalResourceId), aws.ToString(event.ResourceStatusReason)
				}
			}
		}
	}
	return failed
}

// describe reads the stack's outputs, its resources' physical ids and what there is to know of its functions.
func (s *Stack) describe(ctx context.Context) error {
	client := cloudformation.NewFromConfig(s.config)
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &s.Name})
	if err != nil {
		return fmt.Errorf("describe stack: %w", err)
	}
	s.Outputs, s.resources, s.functions = map[string]string{}, map[string]string{}, map[string]function{}
	for _, stack := range out.Stacks {
		s.id = aws.ToString(stack.StackId)
		for _, output := range stack.Outputs {
			s.Outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
		}
	}
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &s.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list stack resources: %w", err)
		}
		for _, resource := range page.StackResourceSummaries {
			id, physical := aws.ToString(resource.LogicalResourceId), aws.ToString(resource.PhysicalResourceId)
			s.resources[id] = physical
			if aws.ToString(resource.ResourceType) != "AWS::Lambda::Function" {
				continue
			}
			if s.functions[id], err = s.describeFunction(ctx, physical); err != nil {
				return fmt.Errorf("describe %s: %w", id, err)
			}
		}
	}
	return nil
}

func (s *Stack) describeFunction(ctx context.Context, name string) (function, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: &name}
	out, err := lambda.NewFromConfig(s.config).GetFunctionConfiguration(ctx, in)
	if err != nil {
		return function{}, err
	}
	found := function{arn: aws.ToString(out.FunctionArn), logGroup: "/aws/lambda/" + name}
	if out.LoggingConfig != nil && aws.ToString(out.LoggingConfig.LogGroup) != "" {
		found.logGroup = aws.ToString(out.LoggingConfig.LogGroup)
	}
	return found, nil
}
