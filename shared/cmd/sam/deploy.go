package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kyc/shared/devstack"
	"kyc/shared/emulator"
)

const (
	// stackName is that of samconfig.toml's environment local.
	stackName = "kyc-local"
	// passDeadline is longer than the message of a worker that was stopped stays hidden: a deployment may stop one.
	passDeadline = 90 * time.Second
	// Attempts are started this often while the changed template is deployed.
	startEvery = 500 * time.Millisecond
	// memory is what the functions have in the template, and changedMemory in the changed one.
	memory, changedMemory = "MemorySize: 256", "MemorySize: 320"
	changedMegabytes      = 320
)

// site is an installation in the emulator, made by the SAM CLI.
type site struct {
	*workshop
	environment []string
	options     devstack.Options
	stack       *devstack.Stack
	client      *client
	program     string
}

func playDeploy(ctx context.Context, w *workshop) error {
	if runtime.GOOS != "linux" {
		return errors.New("the emulator runs what `sam build` makes, which is for Linux: run this on Linux")
	}
	running, err := emulator.Start(ctx, emulator.Options{Root: w.root, Auth: true})
	if err != nil {
		return err
	}
	w.later(running.Close)
	s := &site{workshop: w, options: devstack.Options{Root: w.root, Endpoint: running.Endpoint(), StackName: stackName}}
	s.environment = w.samEnvironment("AWS_ENDPOINT_URL="+running.Endpoint(),
		"AWS_ACCESS_KEY_ID="+emulator.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+emulator.SecretAccessKey)
	settings, err := s.settings()
	if err != nil {
		return err
	}
	var customer string
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"sam build --config-env local", func() error { return s.run(ctx, "build", settings...) }},
		{"sam deploy --config-env local", func() error { return s.run(ctx, "deploy", settings...) }},
		{"the API's routes, which the emulator does not import", func() error { return s.open(ctx) }},
		{"sam remote invoke AdminFunction: brand, program, key", func() error { return s.setUp(ctx) }},
		{"POST /customers", func() (err error) { customer, err = s.client.customer(ctx); return err }},
		{"POST /customers/{customer_id}/verification-kyc", func() error {
			_, err := s.client.start(ctx, customer, s.program)
			return err
		}},
		{"the customer has passed", func() error { return s.passed(ctx, customer) }},
		{"sam deploy of a changed template, with attempts in flight", func() error { return s.redeploy(ctx, settings) }},
		{"sam delete --config-env local --no-prompts", func() error { return s.run(ctx, "delete", append(settings, "--no-prompts")...) }},
		{"table, documents and key are left, and nothing else", func() error { return s.onlyRetained(ctx) }},
	} {
		if err := w.check(step.name, step.do); err != nil {
			return err
		}
	}
	return nil
}

// settings name samconfig.toml's environment local, on a machine with another processor than it says in a copy.
func (s *site) settings() ([]string, error) {
	const written = "Architecture=x86_64"
	content, err := os.ReadFile(filepath.Join(s.root, "samconfig.toml"))
	if err != nil {
		return nil, err
	}
	if strings.Count(string(content), written) == 0 {
		return nil, fmt.Errorf("samconfig.toml does not say %s for the environment local", written)
	}
	if architecture() == "x86_64" {
		// By its path, since the SAM CLI looks for the file beside the template, which is elsewhere for the changed one.
		return []string{"--config-env", "local", "--config-file", filepath.Join(s.root, "samconfig.toml")}, nil
	}
	changed := filepath.Join(s.temporary, "samconfig.toml")
	text := strings.ReplaceAll(string(content), written, "Architecture="+architecture())
	return []string{"--config-env", "local", "--config-file", changed}, os.WriteFile(changed, []byte(text), 0o600)
}

// run is a command of the SAM CLI that only has to succeed.
func (s *site) run(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, s.sam(ctx, s.environment, append([]string{name}, args...)...))
	return err
}

func (s *site) open(ctx context.Context) (err error) {
	s.stack, err = devstack.Open(ctx, s.options)
	return err
}

// setUp makes what the first KYC needs, as README does.
func (s *site) setUp(ctx context.Context) error {
	brand, err := s.admin(ctx, "brand_id", "action", "create_brand", "name", "Acme")
	if err != nil {
		return err
	}
	id := brand.text("brand_id")
	program, err := s.admin(ctx, "program_id", "action", "create_program", "brand_id", id, "name", "Everyday", "bank", "First Bank")
	if err != nil {
		return err
	}
	key, err := s.admin(ctx, "Authorization", "action", "create_key", "brand_id", id, "name", "first_key")
	if err != nil {
		return err
	}
	s.program = program.text("program_id")
	s.client = &client{site: s.stack.URL("/api/v0.1"), identity: key.text("Identity"), secret: key.text("Authorization")}
	return nil
}

// admin invokes AdminFunction and returns its answer, which must have a member.
func (s *site) admin(ctx context.Context, member string, request ...string) (answer, error) {
	event := map[string]string{}
	for n := 0; n+1 < len(request); n += 2 {
		event[request[n]] = request[n+1]
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	out, err := output(ctx, s.sam(ctx, s.environment, "remote", "invoke", "AdminFunction", "--stack-name", stackName, "--event", string(payload)))
	if err != nil {
		return nil, err
	}
	a, err := parseAnswer(out)
	if err != nil {
		return nil, err
	}
	return a, errors.Join(a.refusal(), a.want(member, "*"))
}

// passed waits until a customer has passed.
func (s *site) passed(ctx context.Context, customer string) error {
	limited, cancel := context.WithTimeout(ctx, passDeadline)
	defer cancel()
	often := time.NewTicker(200 * time.Millisecond)
	defer often.Stop()
	last := "unknown"
	for {
		status, state, err := s.client.state(limited, customer, s.program)
		now := state.text("kyc_status")
		if now != "" {
			last = now
		}
		switch {
		case err == nil && now == "passed":
			return nil
		case err == nil && now != "submitted":
			return fmt.Errorf("the state of customer %s was answered %d: %v", customer, status, map[string]any(state))
		}
		select {
		case <-often.C:
		case <-limited.Done():
			return fmt.Errorf("the state of customer %s is %s after %v, want passed", customer, last, passDeadline)
		}
	}
}

// redeploy deploys the template with another memory size for every function over the running stack. All the while new
// attempts are started, each of which takes seconds: whichever moment the functions are replaced at, some are in flight.
// All of them must pass.
func (s *site) redeploy(ctx context.Context, settings []string) error {
	built := filepath.Join(s.root, ".aws-sam", "build")
	template, err := os.ReadFile(filepath.Join(built, "template.yaml"))
	if err != nil {
		return err
	}
	text := strings.Replace(string(template), memory, changedMemory, 1)
	if text == string(template) {
		return fmt.Errorf("the template does not say %s, which was to be changed", memory)
	}
	changed := filepath.Join(built, "changed.yaml") // where its paths to the functions hold
	if err := os.WriteFile(changed, []byte(text), 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deployed := make(chan error, 1)
	go func() {
		deployed <- s.run(ctx, "deploy", append(settings, "--template-file", changed)...)
	}()
	customers, err := s.startUntil(ctx, deployed)
	if err != nil {
		return err
	}
	for _, customer := range customers {
		if err := s.passed(ctx, customer); err != nil {
			return fmt.Errorf("one of %d attempts in flight: %w", len(customers), err)
		}
	}
	out, err := lambda.NewFromConfig(s.stack.Config()).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{
		FunctionName: aws.String(s.stack.Resource("VerifierFunction")),
	})
	if err != nil {
		return fmt.Errorf("read the verifier's configuration: %w", err)
	}
	if got := aws.ToInt32(out.MemorySize); got != changedMegabytes {
		return fmt.Errorf("the verifier has %d MB, so the changed template is not in force", got)
	}
	return nil
}

// startUntil starts attempts, each for a customer of its own, until a deployment is over, and returns the customers.
func (s *site) startUntil(ctx context.Context, deployed <-chan error) ([]string, error) {
	var customers []string
	often := time.NewTicker(startEvery)
	defer often.Stop()
	for {
		select {
		case err := <-deployed:
			return customers, err
		case <-often.C:
		}
		// The emulator ends the process of a function that it updates in the middle of a call, where AWS lets it finish.
		customer, err := s.client.insist(ctx, s.program)
		if err != nil {
			return nil, fmt.Errorf("while the changed template is deployed: %w", err)
		}
		customers = append(customers, customer)
	}
}

// onlyRetained looks for what the deleted stack has left in the emulator, which has nobody else in it.
func (s *site) onlyRetained(ctx context.Context) error {
	config := s.stack.Config()
	if _, err := dynamodb.NewFromConfig(config).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(s.stack.Resource("Table"))}); err != nil {
		return fmt.Errorf("the table is gone: %w", err)
	}
	if _, err := kms.NewFromConfig(config).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(s.stack.Resource("Key"))}); err != nil {
		return fmt.Errorf("the key is gone: %w", err)
	}
	storage := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	documents := s.stack.Resource("DocumentsBucket")
	if _, err := storage.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &documents}); err != nil {
		return fmt.Errorf("the documents' bucket is gone: %w", err)
	}
	left, err := s.leftovers(ctx, storage, documents)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("also left: %s", strings.Join(left, ", "))
	}
	return err
}

func (s *site) leftovers(ctx context.Context, storage *s3.Client, documents string) ([]string, error) {
	config := s.stack.Config()
	var left []string
	functions, err := lambda.NewFromConfig(config).ListFunctions(ctx, &lambda.ListFunctionsInput{})
	if err != nil {
		return nil, err
	}
	for _, f := range functions.Functions {
		left = append(left, "function "+aws.ToString(f.FunctionName))
	}
	sources, err := lambda.NewFromConfig(config).ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{})
	if err != nil {
		return nil, err
	}
	for _, m := range sources.EventSourceMappings {
		left = append(left, "event source "+aws.ToString(m.EventSourceArn))
	}
	queues, err := sqs.NewFromConfig(config).ListQueues(ctx, &sqs.ListQueuesInput{})
	if err != nil {
		return nil, err
	}
	for _, url := range queues.QueueUrls {
		left = append(left, "queue "+url)
	}
	apis, err := apigatewayv2.NewFromConfig(config).GetApis(ctx, &apigatewayv2.GetApisInput{})
	if err != nil {
		return nil, err
	}
	for _, api := range apis.Items {
		left = append(left, "API "+aws.ToString(api.Name))
	}
	groups, err := cloudwatchlogs.NewFromConfig(config).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/kyc/")})
	if err != nil {
		return nil, err
	}
	for _, group := range groups.LogGroups {
		left = append(left, "log group "+aws.ToString(group.LogGroupName))
	}
	buckets, err := storage.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		return nil, err
	}
	for _, bucket := range buckets.Buckets {
		if aws.ToString(bucket.Name) == documents {
			continue
		}
		// The SAM CLI's own, for what it uploads: it serves all stacks of an account and stays, emptied of this one.
		objects, err := storage.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket.Name, Prefix: aws.String(stackName + "/")})
		if err != nil {
			return nil, err
		}
		for _, object := range objects.Contents {
			left = append(left, "object "+aws.ToString(bucket.Name)+"/"+aws.ToString(object.Key))
		}
	}
	return left, nil
}
