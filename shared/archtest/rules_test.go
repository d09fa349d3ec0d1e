package archtest

import (
	"maps"
	"strings"
	"testing"
)

// small is a repository that keeps every rule.
func small() repository {
	return repository{
		packages: map[layer][]string{
			domain: {"kyc"}, block: {"cache"}, useCase: {"onboarding", "platform"}, adapter: {"dynamostore", "webhook"},
			kit: {"apigw", "clock", "lambdaenv"}, function: {"start-kyc", "verifier"}, tool: {"testbed", "cmd/local"},
		},
		files: map[string]string{
			"README.md": "`kyc` `cache` `onboarding` `platform` `dynamostore` `webhook` `apigw` `clock` `lambdaenv` `start-kyc` `verifier` `testbed` `cmd/local`",
			"shared/kyc/kyc.go": "// Package kyc is the domain.\npackage kyc\nimport \"time\"\ntype Clock func() time.Time\n" +
				"type Port interface { A(); B(); C(); D() }\n",
			"shared/cache/cache.go":           "// Package cache caches.\npackage cache\nimport _ \"kyc/shared/kyc\"\nimport _ \"github.com/gowebpki/jcs\"\n",
			"shared/onboarding/onboarding.go": "// Package onboarding opens.\npackage onboarding\nimport _ \"kyc/shared/kyc\"\nimport _ \"context\"\n",
			"shared/onboarding/onboarding_test.go": "package onboarding_test\nimport (\n\"time\"\n\"os\"\n\"context\"\n\"strings\"\n" +
				"_ \"kyc/shared/testbed\"\n_ \"kyc/shared/dynamostore\"\n)\n" +
				"func f(err error) { _ = time.Now; os.Getenv(\"A\"); context.Background(); panic(strings.Contains(err.Error(), \"a\")) }\n",
			"shared/platform/platform.go": "// Package platform manages.\npackage platform\n",
			"shared/dynamostore/store.go": "// Package dynamostore stores.\npackage dynamostore\nimport _ \"kyc/shared/cache\"\n" +
				"import _ \"github.com/aws/aws-sdk-go-v2/service/dynamodb\"\nconst TTLAttribute = \"expires_at\"\n",
			"shared/webhook/webhook.go":     "// Package webhook posts.\npackage webhook\nimport _ \"net/http\"\n",
			"shared/apigw/apigw.go":         "// Package apigw answers.\npackage apigw\nimport _ \"github.com/aws/aws-lambda-go/events\"\nimport \"log/slog\"\nfunc f(err error) { slog.Error(\"x\", \"err\", err) }\n",
			"shared/clock/clock.go":         "// Package clock tells the time.\npackage clock\nimport \"time\"\nvar Now = time.Now\n",
			"shared/lambdaenv/lambdaenv.go": "// Package lambdaenv loads.\npackage lambdaenv\nimport (\n\"context\"\n\"os\"\n)\nfunc f() { if os.Getenv(\"A\") == \"\" { panic(context.Background()) }; os.Exit(1) }\n",
			"shared/testbed/testbed.go":     "// Package testbed helps tests.\npackage testbed\nimport (\n_ \"testing\"\n\"time\"\n_ \"kyc/shared/webhook\"\n)\nvar _ = time.Now()\n",
			"shared/cmd/local/main.go":      "// Command local runs.\npackage main\nimport \"os\"\nfunc main() { os.Exit(1) }\n",
			"functions/start-kyc/main.go": "// Command start-kyc starts.\npackage main\nimport (\n\"context\"\n\"os\"\n\"kyc/shared/lambdaenv\"\n_ \"github.com/aws/aws-lambda-go/lambda\"\n" +
				"_ \"kyc/shared/dynamostore\"\n_ \"kyc/shared/onboarding\"\n)\nfunc main() { context.Background(); lambdaenv.Load(\"TABLE_NAME\", \"KEY_ARN\"); os.Exit(1) }\n",
			"functions/start-kyc/handler.go": "package main\nimport (\n\"kyc/shared/apigw\"\n\"kyc/shared/kyc\"\n)\n" +
				"var _ = map[string]apigw.Route{\"POST /a\": {Handle: start(), Needs: kyc.MayWrite}}\n",
			"shared/openapi/openapi.yaml":         "paths: { /a: { post: { x-permission: write } } }\n",
			"functions/start-kyc/handler_test.go": "package main\nimport _ \"kyc/shared/testbed\"\nvar _ = []string{\"start-kyc.json\", \"start-kyc-invalid.json\"}\n",
			"functions/verifier/main.go":          "// Command verifier verifies.\npackage main\nimport \"kyc/shared/lambdaenv\"\nfunc main() { lambdaenv.Load(\"TABLE_NAME\") }\n",
			"functions/verifier/handler.go":       "package main\n",
			"functions/verifier/handler_test.go":  "package main\nvar _ = \"verifier.json\"\n",
			"functions/start-kyc/leaks_test.go":   "package main\n",
			"functions/verifier/leaks_test.go":    "package main\n",
			"events/start-kyc.json":               `{"version":"2.0","routeKey":"POST /a"}`,
			"events/start-kyc-invalid.json":       `{"version":"2.0","routeKey":"GET /a/{id}"}`,
			"events/verifier.json":                `{"Records":[{"eventSource":"aws:sqs"}]}`,
			"Makefile":                            "build-%Function:\n\tgo build\n",
			"template.yaml": `
Parameters:
  Seconds: { Type: Number, Default: 30, MinValue: 3, MaxValue: 120 }
  Visible: { Type: Number, Default: 180, MinValue: 18, MaxValue: 720 }
Globals:
  Function:
    Timeout: 10
    Environment: { Variables: { TABLE_NAME: !Ref Table } }
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefaultRouteSettings: { ThrottlingRateLimit: 100, ThrottlingBurstLimit: !Ref Visible }
      AccessLogSettings: { Format: '{"routeKey":"$context.routeKey"}' }
  Key:
    Type: AWS::KMS::Key
    Properties: { KeyPolicy: { Statement: [{ Effect: Allow, Action: "kms:*", Resource: "*" }] } }
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      DeletionProtectionEnabled: true
      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }
      SSESpecification: { SSEEnabled: true }
  Work:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: true
      VisibilityTimeout: !Ref Visible
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5 }
  Uploads:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: true
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 4 }
  Dead:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: true # dead
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true }
      VersioningConfiguration: { Status: Enabled }
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ BucketKeyEnabled: false }] }
      LifecycleConfiguration: { Rules: [{ Status: Enabled, AbortIncompleteMultipartUpload: {}, NoncurrentVersionExpiration: {} }] }
      NotificationConfiguration: { QueueConfigurations: [{ Queue: !GetAtt Uploads.Arn }] }
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Statement: [{ Effect: Deny, Principal: "*", Action: "s3:*", Resource: "*", Condition: { Bool: { aws:SecureTransport: "false" } } }]
  StartKycFunction:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: makefile }
    Properties:
      LoggingConfig: { LogGroup: !Ref StartKycLogs }
      Environment: { Variables: { KEY_ARN: !GetAtt Key.Arn } }
      Policies:
        - Statement:
            - { Effect: Allow, Action: [dynamodb:PutItem, dynamodb:UpdateItem], Resource: !GetAtt Table.Arn }
      Events:
        Start: { Type: HttpApi, Properties: { Method: POST, Path: /a } }
        StartSlash: { Type: HttpApi, Properties: { Method: POST, Path: "/a/{proxy+}" } }
        One: { Type: HttpApi, Properties: { Method: GET, Path: "/a/{id}" } }
  VerifierFunction:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: makefile }
    Properties:
      Timeout: !Ref Seconds
      LoggingConfig: { LogGroup: !Ref VerifierLogs }
      Policies:
        - Statement:
            - { Effect: Allow, Action: dynamodb:GetItem, Resource: !Sub "${Table.Arn}" }
      Events:
        Work: { Type: SQS, Properties: { Queue: !GetAtt Work.Arn, FunctionResponseTypes: [ReportBatchItemFailures] } }
        Changes:
          Type: DynamoDB
          Properties:
            BisectBatchOnFunctionError: true
            MaximumRetryAttempts: 10
            DestinationConfig: { OnFailure: { Destination: !GetAtt Dead.Arn } }
  StartKycLogs:
    Type: AWS::Logs::LogGroup
    Properties: { LogGroupName: !Sub "/kyc/${AWS::StackName}/start-kyc", RetentionInDays: 30 }
  VerifierLogs:
    Type: AWS::Logs::LogGroup
    Properties: { LogGroupName: /kyc/verifier, RetentionInDays: 31 }
`,
		},
	}
}

func TestSmallRepositoryKeepsEveryRule(t *testing.T) {
	for name, found := range violations(t, small()) {
		for _, v := range found {
			t.Errorf("%s: %s", name, v)
		}
	}
}

// Each case breaks one rule in the small repository, and the rule must say so.
func TestEveryRuleCanFail(t *testing.T) {
	// code puts a file into the small repository; swap replaces a text in the template.
	code := func(name, text string) func(repository) {
		return func(r repository) { r.files[name] = text }
	}
	remove := func(name string) func(repository) {
		return func(r repository) { delete(r.files, name) }
	}
	edit := func(name, old, new string) func(repository) {
		return func(r repository) {
			before := r.files[name]
			r.files[name] = strings.Replace(before, old, new, 1)
			if r.files[name] == before {
				t.Errorf("the small %s has no %q", name, old)
			}
		}
	}
	swap := func(old, new string) func(repository) { return edit("template.yaml", old, new) }
	const doc = "// Package x is there.\n"
	cases := map[string][]struct {
		change func(repository)
		want   string
	}{
		"every package is listed": {
			{code("shared/stray/stray.go", doc+"package stray\n"), "shared/stray is not listed: enter it in"},
			{code("shared/kyc/deep/deep.go", doc+"package deep\n"), "shared/kyc/deep is not listed"},
			{code("functions/stray/main.go", doc+"package main\n"), "functions/stray is not listed"},
			{remove("shared/platform/platform.go"), "shared/platform is listed and does not exist"},
			{code("README.md", "`kyc` `cmd/local` start-kyc"), "functions/start-kyc is not in README.md"},
		},
		"packages are named for what they provide": {
			{code("shared/util/util.go", doc+"package util\n"), "named for nothing"},
			{code("shared/kyc/models/m.go", doc+"package kyc\n"), "named for nothing"},
			{code("shared/cache/cache.go", "package cache\n"), "shared/cache: no file says"},
			{code("shared/cache/cache.go", doc+"package main\n"), "functions and shared/cmd are package main"},
			{code("functions/verifier/handler.go", "package verifier\n"), "functions and shared/cmd are package main"},
		},
		"imports go down": {
			{code("shared/kyc/a.go", "package kyc\nimport _ \"net/http\"\n"), "layer domain imports net/http"},
			{code("shared/kyc/a.go", "package kyc\nimport _ \"os\"\n"), "layer domain imports os"},
			{code("shared/kyc/a.go", "package kyc\nimport _ \"context\"\n"), "layer domain imports context"},
			{code("shared/kyc/a.go", "package kyc\nimport _ \"encoding/json\"\n"), "layer domain imports encoding/json"},
			{code("shared/kyc/a.go", "package kyc\nimport _ \"database/sql\"\n"), "layer domain imports database/sql"},
			{code("shared/kyc/a.go", "package kyc\nimport _ \"github.com/google/uuid\"\n"), "layer domain imports github.com/google/uuid"},
			{code("shared/kyc/a.go", "package kyc\nimport _ \"kyc/shared/cache\"\n"), "layer domain imports kyc/shared/cache"},
			{code("shared/kyc/a.go", "package kyc\nimport . \"fmt\"\n"), "dot imports"},
			{code("shared/cache/a.go", "package cache\nimport _ \"kyc/shared/dynamostore\"\n"), "layer block imports kyc/shared/dynamostore"},
			{code("shared/cache/a.go", "package cache\nimport _ \"github.com/aws/aws-sdk-go-v2/aws\"\n"), "layer block imports github.com/aws"},
			{code("shared/onboarding/a.go", "package onboarding\nimport _ \"net/http\"\n"), "layer use case imports net/http"},
			{code("shared/onboarding/a.go", "package onboarding\nimport _ \"net/http/httptest\"\n"), "layer use case imports net/http/httptest"},
			{code("shared/onboarding/a.go", "package onboarding\nimport _ \"os\"\n"), "layer use case imports os"},
			{code("shared/onboarding/a.go", "package onboarding\nimport _ \"encoding/json\"\n"), "layer use case imports encoding/json"},
			{code("shared/onboarding/a.go", "package onboarding\nimport _ \"kyc/shared/platform\"\n"), "layer use case imports kyc/shared/platform"},
			{code("shared/onboarding/a.go", "package onboarding\nimport _ \"kyc/shared/dynamostore\"\n"), "layer use case imports kyc/shared/dynamostore"},
			{code("shared/onboarding/a.go", "package onboarding\nimport _ \"kyc/shared/clock\"\n"), "layer use case imports kyc/shared/clock"},
			{code("shared/onboarding/a.go", "package onboarding\nimport _ \"github.com/aws/aws-sdk-go-v2/aws\"\n"), "layer use case imports github.com/aws"},
			{code("shared/onboarding/a.go", "package onboarding\nimport _ \"github.com/google/uuid\"\n"), "layer use case imports github.com/google/uuid"},
			{code("shared/webhook/a.go", "package webhook\nimport _ \"kyc/shared/dynamostore\"\n"), "layer adapter imports kyc/shared/dynamostore"},
			{code("shared/webhook/a.go", "package webhook\nimport _ \"kyc/shared/onboarding\"\n"), "layer adapter imports kyc/shared/onboarding"},
			{code("shared/webhook/a.go", "package webhook\nimport _ \"kyc/shared/apigw\"\n"), "layer adapter imports kyc/shared/apigw"},
			{code("shared/webhook/a.go", "package webhook\nimport _ \"github.com/aws/aws-lambda-go/events\"\n"), "layer adapter imports github.com/aws/aws-lambda-go/events"},
			{code("shared/apigw/a.go", "package apigw\nimport _ \"kyc/shared/onboarding\"\n"), "layer kit imports kyc/shared/onboarding"},
			{code("shared/apigw/a.go", "package apigw\nimport _ \"kyc/shared/dynamostore\"\n"), "layer kit imports kyc/shared/dynamostore"},
			{code("shared/apigw/a.go", "package apigw\nimport _ \"testing\"\n"), "that is for tests and tools"},
			{code("shared/apigw/a.go", "package apigw\nimport _ \"testing/fstest\"\n"), "that is for tests and tools"},
			{code("shared/apigw/a.go", "package apigw\nimport _ \"kyc/shared/testbed\"\n"), "layer kit imports kyc/shared/testbed"},
			{code("functions/verifier/handler.go", "package main\nimport _ \"kyc/shared/testbed\"\n"), "layer function imports kyc/shared/testbed"},
			{code("functions/verifier/handler.go", "package main\nimport _ \"kyc/functions/start-kyc\"\n"), "nothing imports a function"},
			{code("shared/testbed/a.go", "package testbed\nimport _ \"kyc/functions/start-kyc\"\n"), "nothing imports a function"},
			{code("functions/verifier/handler_test.go", "package main\nimport _ \"kyc/functions/start-kyc\"\n"), "nothing imports a function"},
			{code("functions/verifier/handler.go", "package main\nimport _ \"github.com/aws/aws-sdk-go-v2/service/sqs\"\n"), "layer function imports github.com/aws/aws-sdk-go-v2/service/sqs"},
		},
		"the domain has no struct tags": {
			{code("shared/kyc/a.go", "package kyc\ntype T struct { A int `json:\"a\"` }\n"), "shared/kyc/a.go:2: the domain has no wire form"},
		},
		"time and settings come from outside": {
			{code("shared/onboarding/a.go", "package onboarding\nimport \"time\"\nvar _ = time.Now()\n"), "shared/onboarding/a.go:3: time.Now"},
			{code("shared/onboarding/a.go", "package onboarding\nimport \"time\"\nvar now = time.Now\n"), "time.Now"},
			{code("shared/webhook/a.go", "package webhook\nimport t \"time\"\nvar _ = t.Since(t.Time{})\n"), "time.Since"},
			{code("shared/apigw/a.go", "package apigw\nimport \"time\"\nvar _ = time.Until(time.Time{})\n"), "time.Until"},
			{code("shared/dynamostore/a.go", "package dynamostore\nimport \"os\"\nvar _ = os.Getenv(\"A\")\n"), "os.Getenv"},
			{code("shared/dynamostore/a.go", "package dynamostore\nimport \"os\"\nvar _, _ = os.LookupEnv(\"A\")\n"), "os.LookupEnv"},
			{code("functions/verifier/handler.go", "package main\nimport \"os\"\nvar _ = os.Getenv(\"A\")\n"), "os.Getenv"},
		},
		"contexts are handed on": {
			{code("shared/webhook/a.go", "package webhook\nimport \"context\"\nvar _ = context.Background()\n"), "context.Background"},
			{code("functions/verifier/handler.go", "package main\nimport \"context\"\nvar _ = context.TODO()\n"), "context.TODO"},
		},
		"errors are returned": {
			{code("shared/webhook/a.go", "package webhook\nimport \"os\"\nfunc f() { os.Exit(1) }\n"), "os.Exit"},
			{code("shared/webhook/a.go", "package webhook\nimport \"log\"\nfunc f() { log.Fatalf(\"\") }\n"), "log.Fatalf"},
			{code("shared/webhook/a.go", "package webhook\nfunc f() { panic(1) }\n"), "panic"},
			{code("shared/testbed/a.go", "package testbed\nfunc f() { panic(1) }\n"), "panic"},
			{code("functions/verifier/handler.go", "package main\nimport \"os\"\nfunc f() { os.Exit(1) }\n"), "os.Exit"},
		},
		"error texts stay inside": {
			{code("functions/verifier/handler.go", "package main\nfunc f(err error) string { return err.Error() }\n"), "must not reach an answer"},
			{code("shared/apigw/a.go", "package apigw\nfunc f(err error) string { return err.Error() }\n"), "must not reach an answer"},
			{code("shared/dynamostore/a.go", "package dynamostore\nimport \"strings\"\nfunc f(err error) bool { return strings.Contains(err.Error(), \"x\") }\n"), "matching on an error's text"},
			{code("shared/testbed/a.go", "package testbed\nimport \"strings\"\nfunc f(err error) bool { return strings.HasPrefix(err.Error(), \"x\") }\n"), "matching on an error's text"},
			{code("shared/webhook/a.go", "package webhook\nimport s \"strings\"\nfunc f(err error) bool { return s.HasSuffix(err.Error(), \"x\") }\n"), "matching on an error's text"},
		},
		"interfaces are small": {
			{code("shared/onboarding/a.go", "package onboarding\ntype P interface { A(); B(); C(); D(); E() }\n"), "an interface of 5 methods"},
		},
		"no test is skipped": {
			{code("shared/kyc/kyc_test.go", "package kyc\nimport \"testing\"\nfunc TestA(t *testing.T) { t."+"Skip() }\n"), "shared/kyc/kyc_test.go:3: a test that is skipped"},
			{code("shared/kyc/kyc_test.go", "package kyc\nimport \"testing\"\nfunc TestA(t *testing.T) { t."+"Skipf(\"\") }\n"), "a test that is skipped"},
		},
		"every route needs a permission": {
			{edit("functions/start-kyc/handler.go", ", Needs: kyc.MayWrite", ""), `POST /a needs "", and x-permission`},
			{edit("functions/start-kyc/handler.go", "MayWrite", "MayRead"), `is "write": give both the same`},
			{edit("functions/start-kyc/handler.go", "kyc.MayWrite", "needed"), `POST /a needs ""`},
			{edit("shared/openapi/openapi.yaml", "x-permission: write", ""), `is "": give both the same`},
			{edit("shared/openapi/openapi.yaml", "/a:", "/b:"), `is "": give both the same`},
		},
		"functions look alike": {
			{remove("functions/verifier/handler_test.go"), "functions/verifier has no handler_test.go"},
			{remove("functions/verifier/handler.go"), "functions/verifier has no handler.go"},
			{remove("functions/verifier/leaks_test.go"), "functions/verifier has no leaks_test.go"},
			{remove("functions/verifier/main.go"), "functions/verifier has no main.go"},
			{code("functions/verifier/main.go", doc+"package main\n"+strings.Repeat("\n", 39)), "main.go has 41 lines"},
		},
		"one name in four places": {
			{code("functions/get-kyc/main.go", doc+"package main\n"), "functions/get-kyc has no GetKycFunction"},
			{swap("VerifierFunction:", "InspectorFunction:"), "InspectorFunction has no folder"},
			{swap("BuildMethod: makefile", "BuildMethod: go1.x"), "StartKycFunction: Metadata.BuildMethod"},
			{code("Makefile", "build-StartKycFunction:\n\tgo build\n"), "no rule that makes build-VerifierFunction"},
			{code("Makefile", "%:\n\tgo build\n"), "no rule that makes build-VerifierFunction"},
			{remove("Makefile"), "no rule that makes build-VerifierFunction"},
			{remove("events/verifier.json"), "events/ has no verifier*.json"},
			{code("events/verify.json", "{}"), "events/verify.json is named for no function"},
			{code("events/start-kyc.json", "{"), "events/start-kyc.json is not JSON"},
		},
		"events are in use": {
			{code("events/start-kyc-other.json", "{}"), "events/start-kyc-other.json is read by no test of its function"},
			{code("functions/verifier/handler_test.go", "package main\n"), "events/verifier.json is read by no test"},
			{code("functions/start-kyc/handler_test.go", "package main\nvar _ = \"verifier.json\"\n"), "events/start-kyc.json is read by no test"},
		},
		"events fit the triggers": {
			{swap("Path: /a }", "Path: /b }"), "events/start-kyc.json: template.yaml gives StartKycFunction no route POST /a"},
			{code("events/start-kyc.json", `{"type":"REQUEST","routeKey":"POST /a"}`), "it is an authorizer's, and StartKycFunction is none"},
			{code("events/start-kyc.json", `{"action":"x"}`), "it has the shape of no trigger of StartKycFunction"},
			{code("events/start-kyc.json", `{"source":"aws.scheduler"}`), "template.yaml gives StartKycFunction no trigger of this kind"},
			{code("events/verifier.json", `{"Records":[{"eventSource":"aws:s3"}]}`), "template.yaml gives VerifierFunction no trigger of this kind"},
			{swap("Type: SQS, Properties", "Type: SNS, Properties"), "events/verifier.json: template.yaml gives VerifierFunction no trigger of this kind"},
			{func(r repository) {
				swap("    Properties:\n      DefaultRouteSettings:", "    Properties:\n      Auth: { Authorizers: { A: { FunctionArn: !GetAtt VerifierFunction.Arn } } }\n      DefaultRouteSettings:")(r)
				code("events/verifier.json", `{"type":"REQUEST","routeKey":"POST /b"}`)(r)
			}, "events/verifier.json: template.yaml has no route POST /b"},
		},
		"each function has its log group": {
			{swap("LoggingConfig: { LogGroup: !Ref VerifierLogs }", ""), "VerifierFunction: LoggingConfig.LogGroup names no log group"},
			{swap("!Ref VerifierLogs", "!Ref StartKycLogs"), "share the log group StartKycLogs"},
			{swap("/kyc/verifier", "/kyc/verify"), "VerifierLogs: LogGroupName must end in /verifier"},
			{swap(", RetentionInDays: 31", ""), "VerifierLogs keeps its lines for ever"},
		},
		"batches report what failed": {
			{swap(", FunctionResponseTypes: [ReportBatchItemFailures]", ""), "VerifierFunction.Work: FunctionResponseTypes"},
			{swap("BisectBatchOnFunctionError: true", "FunctionResponseTypes: [ReportBatchItemFailures]"), "no partial batch reports on streams"},
			{swap("MaximumRetryAttempts: 10", ""), "a stream needs"},
		},
		"queues lose nothing": {
			{swap("RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5 }", ""), "Work triggers VerifierFunction and has no RedrivePolicy"},
			{swap("RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 4 }", ""), "Uploads receives from Bucket and has no RedrivePolicy"},
			{swap("deadLetterTargetArn: !GetAtt Dead.Arn", "deadLetterTargetArn: !GetAtt Work.Arn"), "has no RedrivePolicy to a queue"},
			{swap("SqsManagedSseEnabled: true # dead", "KmsMasterKeyId: x"), "Dead: SqsManagedSseEnabled"},
			{swap("Default: 180", "Default: 179"), "VisibilityTimeout 179 is less than six times the 30 s"},
			{swap("MaxValue: 720", "MaxValue: 719"), "VisibilityTimeout 719 is less"},
			{swap("MinValue: 18", "MinValue: 17"), "VisibilityTimeout 17 is less"},
			{swap("Timeout: !Ref Seconds", "Timeout: 31"), "less than six times the 31 s"},
			{swap("VisibilityTimeout: !Ref Visible", ""), "must be numbers or parameters"},
		},
		"permissions are least": {
			{swap("Action: dynamodb:GetItem", "Action: \"*\""), "VerifierFunction: action *"},
			{swap("Action: dynamodb:GetItem", "Action: dynamodb:*"), "VerifierFunction: action dynamodb:*"},
			{swap("Resource: !GetAtt Table.Arn }\n      Events", "Resource: \"*\" }\n      Events"), "StartKycFunction: a statement on every resource"},
			{swap("dynamodb:PutItem, dynamodb:UpdateItem], Resource: !GetAtt Table.Arn", "dynamodb:PutItem]"), "StartKycFunction: a statement on every resource"},
			{swap("        - Statement:\n            - { Effect: Allow, Action: dynamodb:GetItem, Resource: !Sub \"${Table.Arn}\" }", "        - AmazonDynamoDBFullAccess"), "VerifierFunction: a policy without statements"},
			{swap("      Policies:\n        - Statement:\n            - { Effect: Allow, Action: dynamodb:GetItem, Resource: !Sub \"${Table.Arn}\" }\n", ""), "VerifierFunction must have Policies of its own"},
			{swap("    Timeout: 10\n", "    Timeout: 10\n    Policies: [X]\n"), "Globals: permissions belong to each function"},
			{swap("Effect: Deny", "Effect: Allow"), "BucketPolicy: action s3:*"},
		},
		"the table is safe": {
			{swap("AttributeName: expires_at", "AttributeName: ttl"), "time to live is by \"ttl\""},
			{swap("NEW_AND_OLD_IMAGES", "KEYS_ONLY"), "lacks StreamViewType"},
			{swap("PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false"), "lacks point-in-time"},
			{swap("SSEEnabled: true", "SSEEnabled: false"), "lacks encryption"},
			{swap("      DeletionProtectionEnabled: true\n", ""), "lacks DeletionProtectionEnabled"},
			{swap("    DeletionPolicy: Retain\n", ""), "lacks DeletionPolicy"},
			{swap("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"), "has 0 tables"},
		},
		"buckets are closed": {
			{swap("BlockPublicPolicy: true", "BlockPublicPolicy: false"), "Bucket: BlockPublicPolicy"},
			{swap("VersioningConfiguration: { Status: Enabled", "VersioningConfiguration: { Status: Suspended"), "Bucket is not versioned"},
			{swap("      BucketEncryption: { ServerSideEncryptionConfiguration: [{ BucketKeyEnabled: false }] }\n", ""), "Bucket is not encrypted"},
			{swap("BucketKeyEnabled: false", "BucketKeyEnabled: true"), "Bucket: BucketKeyEnabled must be false"},
			{swap("Bucket: !Ref Bucket", "Bucket: !Ref Other"), "Bucket: no policy denies what comes without TLS"},
			{swap("aws:SecureTransport: \"false\"", "aws:SecureTransport: \"true\""), "Bucket: no policy denies what comes without TLS"},
			{swap("NoncurrentVersionExpiration: {}", ""), "it has no rule with NoncurrentVersionExpiration"},
			{swap("Rules: [{ Status: Enabled", "Rules: [{ Status: Disabled"), "it has no rule with AbortIncompleteMultipartUpload"},
		},
		"settings are those that are loaded": {
			{swap("KEY_ARN: !GetAtt Key.Arn", ""), "loads KEY_ARN, which template.yaml does not set for StartKycFunction"},
			{swap("KEY_ARN: !GetAtt Key.Arn", "KEY_ARN: x, OTHER: y"), "sets OTHER for StartKycFunction"},
			{code("functions/verifier/main.go", doc+"package main\nfunc main() {}\n"), "calls lambdaenv.Load 0 times"},
			{code("functions/verifier/main.go", doc+"package main\nimport \"kyc/shared/lambdaenv\"\nfunc main() { lambdaenv.Load(name) }\n"), "wants names as string literals"},
		},
		"a function that is open to anybody may do nothing": {
			{swap("Path: /a }", "Path: /a, Auth: { Authorizer: NONE } }"), "StartKycFunction.Start is open to anybody: StartKycFunction must have no permissions"},
			{swap("Path: /a }", "Path: /api/v0.1/upload, Auth: { Authorizer: NONE } }"), "StartKycFunction.Start is open to anybody: StartKycFunction must have no permissions"},
		},
		"collections answer with and without a slash": {
			{swap(`Path: "/a/{proxy+}"`, `Path: "/b/{proxy+}"`), "StartKycFunction: POST /b must be there with and without"},
			{swap(`Path: "/a/{proxy+}"`, `Path: /a/`), "StartKycFunction: POST /a/ ends in a slash"},
			{swap("Path: /a ", "Path: /b "), "StartKycFunction: POST /a must be there with and without"},
			{swap("Path: \"/a/{id}\"", "Path: /v0.1/b"), "StartKycFunction: GET /v0.1/b must be there with and without"},
		},
		"only a sandbox simulates": {
			{swap("Path: /a ", "Path: /simulate/a "), "is there on live stages too: give StartKycFunction the Condition IsSandbox"},
		},
		"requests are throttled": {
			{swap("ThrottlingRateLimit: 100, ", ""), "Api: DefaultRouteSettings.ThrottlingRateLimit"},
			{swap("ThrottlingBurstLimit: !Ref Visible", "ThrottlingBurstLimit: many"), "Api: DefaultRouteSettings.ThrottlingBurstLimit"},
		},
		"access logs hold no identifier": {
			{swap("$context.routeKey", "$context.path"), "the access log holds $context.path"},
			{swap("AccessLogSettings", "Settings"), "Api writes no access log"},
		},
	}
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			if len(cases[rule.name]) == 0 {
				t.Error("no case breaks this rule: nobody has seen it fail")
			}
			for _, c := range cases[rule.name] {
				r := small()
				r.files = maps.Clone(r.files)
				c.change(r)
				got := strings.Join(violations(t, r)[rule.name], "\n")
				if !strings.Contains(got, c.want) {
					t.Errorf("found %q, want a violation with %q", got, c.want)
				}
			}
		})
	}
	if len(cases) != len(rules) {
		t.Errorf("%d rules, %d with cases", len(rules), len(cases))
	}
}
