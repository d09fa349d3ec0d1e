package archtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// object is a mapping of the template. The short tags of CloudFormation are written out: !Ref X is {"Ref": "X"}, !Sub
// and all others {"Fn::Sub": …}.
type object = map[string]any

func parseTemplate(text string) (object, error) {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		return nil, err
	}
	if len(node.Content) == 0 {
		return object{}, nil
	}
	value, err := plain(node.Content[0])
	if err != nil {
		return nil, err
	}
	template, _ := value.(object)
	return template, nil
}

func plain(node *yaml.Node) (any, error) {
	if node.Kind == yaml.AliasNode {
		return plain(node.Alias)
	}
	if name, short := strings.CutPrefix(node.Tag, "!"); short && !strings.HasPrefix(name, "!") {
		untagged := *node
		untagged.Tag = ""
		if node.Kind == yaml.ScalarNode {
			untagged.Tag = "!!str"
		}
		value, err := plain(&untagged)
		if err != nil {
			return nil, err
		}
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		return object{name: value}, nil
	}
	switch node.Kind {
	case yaml.MappingNode:
		o := object{}
		for i := 0; i < len(node.Content); i += 2 {
			value, err := plain(node.Content[i+1])
			if err != nil {
				return nil, err
			}
			o[node.Content[i].Value] = value
		}
		return o, nil
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range node.Content {
			value, err := plain(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	}
	var value any
	err := node.Decode(&value)
	return value, err
}

// at follows keys through nested objects; nil where there is nothing.
func at(value any, keys ...string) any {
	for _, key := range keys {
		o, _ := value.(object)
		value = o[key]
	}
	return value
}

func text(value any, keys ...string) string {
	s, _ := at(value, keys...).(string)
	return s
}

func list(value any, keys ...string) []any {
	items, _ := at(value, keys...).([]any)
	return items
}

// target returns the logical id that a !Ref, a !GetAtt or a !Sub of one attribute names.
func target(value any) string {
	for _, name := range []string{text(value, "Ref"), text(value, "Fn::GetAtt"), strings.Trim(text(value, "Fn::Sub"), "${}")} {
		if id, _, _ := strings.Cut(name, "."); id != "" {
			return id
		}
	}
	return ""
}

// stack is the parsed template with the repository around it.
type stack struct {
	repository
	sources  []source
	template object
}

// resources lists the logical ids of all resources of a type, sorted.
func (s stack) resources(kind string) []string {
	resources, _ := s.template["Resources"].(object)
	var ids []string
	for id, resource := range resources {
		if text(resource, "Type") == kind {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (s stack) resource(id string) object {
	o, _ := at(s.template, "Resources", id).(object)
	return o
}

func (s stack) properties(id string) object {
	o, _ := at(s.resource(id), "Properties").(object)
	return o
}

func (s stack) lambdas() []string { return s.resources("AWS::Serverless::Function") }

// events lists the events of a function of one type, by name.
func (s stack) events(id, kind string) map[string]object {
	events, _ := at(s.properties(id), "Events").(object)
	found := map[string]object{}
	for name, event := range events {
		if text(event, "Type") == kind {
			found[name], _ = at(event, "Properties").(object)
		}
	}
	return found
}

// numbers returns the values that a number may take: itself, or for a parameter its default, least and greatest, so
// that a pair of parameters is compared at each of them.
func (s stack) numbers(value any) []int {
	parameter := at(s.template, "Parameters", text(value, "Ref"))
	if parameter == nil {
		if n, ok := value.(int); ok {
			return []int{n, n, n}
		}
		return nil
	}
	var all []int
	fallback, _ := at(parameter, "Default").(int)
	for _, key := range []string{"Default", "MinValue", "MaxValue"} {
		n, ok := at(parameter, key).(int)
		if !ok {
			n = fallback
		}
		all = append(all, n)
	}
	return all
}

// logicalID is the name of a folder's function in the template: start-kyc is StartKycFunction.
func logicalID(folder string) string {
	id := ""
	for word := range strings.SplitSeq(folder, "-") {
		if word != "" {
			id += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return id + "Function"
}

func oneNameInFourPlaces(s stack) []string {
	var v []string
	folders := map[string]string{}
	for _, folder := range s.functions() {
		folders[logicalID(folder)] = folder
	}
	lambdas := s.lambdas()
	for id, folder := range folders {
		if !slices.Contains(lambdas, id) {
			v = append(v, fmt.Sprintf("functions/%s has no %s in template.yaml", folder, id))
		}
	}
	for _, id := range lambdas {
		folder, ok := folders[id]
		if !ok {
			v = append(v, fmt.Sprintf("%s has no folder in functions/", id))
			continue
		}
		if text(s.resource(id), "Metadata", "BuildMethod") != "makefile" {
			v = append(v, fmt.Sprintf("%s: Metadata.BuildMethod must be makefile: SAM's own builder does not notice changes in shared/", id))
		}
		if !canBuild(s.files["Makefile"], id) {
			v = append(v, fmt.Sprintf("Makefile has no rule that makes build-%s", id))
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(s.files)), func(name string) bool { return belongs(name, folder) }) {
			v = append(v, fmt.Sprintf("events/ has no %s*.json", folder))
		}
	}
	for name, content := range s.files {
		if !strings.HasPrefix(name, "events/") {
			continue
		}
		if !json.Valid([]byte(content)) {
			v = append(v, fmt.Sprintf("%s is not JSON", name))
		}
		if !slices.ContainsFunc(s.functions(), func(folder string) bool { return belongs(name, folder) }) {
			v = append(v, fmt.Sprintf("%s is named for no function", name))
		}
	}
	return v
}

// belongs reports whether an event file is named for a function: start-kyc.json or start-kyc-something.json.
func belongs(name, folder string) bool {
	rest, ok := strings.CutPrefix(name, "events/"+folder)
	return ok && (rest == ".json" || strings.HasPrefix(rest, "-") && strings.HasSuffix(rest, ".json"))
}

// canBuild reports whether a target of the Makefile, literal or pattern, makes build-<id>.
func canBuild(makefile, id string) bool {
	for line := range strings.SplitSeq(makefile, "\n") {
		targets, rest, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "\t") || strings.HasPrefix(rest, "=") {
			continue
		}
		for t := range strings.FieldsSeq(targets) {
			before, after, pattern := strings.Cut(t, "%")
			name := "build-" + id
			if t == name || pattern && len(name) > len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) && before != "" {
				return true
			}
		}
	}
	return false
}

func ownLogGroups(s stack) []string {
	var v []string
	owner := map[string]string{}
	for _, folder := range s.functions() {
		id := logicalID(folder)
		group := target(at(s.properties(id), "LoggingConfig", "LogGroup"))
		properties := s.properties(group)
		switch {
		case s.properties(id) == nil:
			continue // said elsewhere
		case text(s.resource(group), "Type") != "AWS::Logs::LogGroup":
			v = append(v, fmt.Sprintf("%s: LoggingConfig.LogGroup names no log group", id))
			continue
		case owner[group] != "":
			v = append(v, fmt.Sprintf("%s and %s share the log group %s", owner[group], id, group))
		}
		owner[group] = id
		name := text(properties, "LogGroupName") + text(properties, "LogGroupName", "Fn::Sub")
		if path.Base(name) != folder {
			v = append(v, fmt.Sprintf("%s: LogGroupName must end in /%s", group, folder))
		}
	}
	for _, id := range s.resources("AWS::Logs::LogGroup") {
		if at(s.properties(id), "RetentionInDays") == nil {
			v = append(v, fmt.Sprintf("%s keeps its lines for ever: set RetentionInDays", id))
		}
	}
	return v
}

func batches(s stack) []string {
	const partial = "ReportBatchItemFailures"
	var v []string
	for _, id := range s.lambdas() {
		for name, event := range s.events(id, "SQS") {
			if !slices.Contains(list(event, "FunctionResponseTypes"), any(partial)) {
				v = append(v, fmt.Sprintf("%s.%s: FunctionResponseTypes must hold %s, or Lambda ignores the reply and one bad message repeats its batch", id, name, partial))
			}
		}
		for name, event := range s.events(id, "DynamoDB") {
			if len(list(event, "FunctionResponseTypes")) > 0 {
				v = append(v, fmt.Sprintf("%s.%s: no partial batch reports on streams: a record that fails for good is put aside by the function", id, name))
			}
			if at(event, "BisectBatchOnFunctionError") != true || at(event, "MaximumRetryAttempts") == nil || at(event, "DestinationConfig", "OnFailure") == nil {
				v = append(v, fmt.Sprintf("%s.%s: a stream needs BisectBatchOnFunctionError, MaximumRetryAttempts and DestinationConfig.OnFailure, or one record stops it for a day", id, name))
			}
		}
	}
	return v
}

func queues(s stack) []string {
	var v []string
	all := s.resources("AWS::SQS::Queue")
	for _, id := range all {
		if at(s.properties(id), "SqsManagedSseEnabled") != true {
			v = append(v, fmt.Sprintf("%s: SqsManagedSseEnabled must be true", id))
		}
	}
	redriven := func(id, why string) {
		dead := target(at(s.properties(id), "RedrivePolicy", "deadLetterTargetArn"))
		if !slices.Contains(all, dead) || dead == id || at(s.properties(id), "RedrivePolicy", "maxReceiveCount") == nil {
			v = append(v, fmt.Sprintf("%s %s and has no RedrivePolicy to a queue of this template", id, why))
		}
	}
	for _, id := range s.lambdas() {
		for name, event := range s.events(id, "SQS") {
			queue := target(at(event, "Queue"))
			redriven(queue, "triggers "+id)
			timeout := at(s.properties(id), "Timeout")
			if timeout == nil {
				timeout = at(s.template, "Globals", "Function", "Timeout")
			}
			timeouts, visible := s.numbers(timeout), s.numbers(at(s.properties(queue), "VisibilityTimeout"))
			if timeouts == nil || visible == nil {
				v = append(v, fmt.Sprintf("%s.%s: the timeout of the function and the VisibilityTimeout of %s must be numbers or parameters", id, name, queue))
				continue
			}
			for i := range timeouts {
				if visible[i] < 6*timeouts[i] {
					v = append(v, fmt.Sprintf("%s: VisibilityTimeout %d is less than six times the %d s of %s, as AWS advises", queue, visible[i], timeouts[i], id))
				}
			}
		}
	}
	for _, bucket := range s.resources("AWS::S3::Bucket") {
		for _, to := range list(s.properties(bucket), "NotificationConfiguration", "QueueConfigurations") {
			redriven(target(at(to, "Queue")), "receives from "+bucket)
		}
	}
	return v
}

// policies wants each function to have its own, that name actions and resources. A statement that denies may be wide.
func policies(s stack) []string {
	var v []string
	if at(s.template, "Globals", "Function", "Policies") != nil || at(s.template, "Globals", "Function", "Role") != nil {
		v = append(v, "Globals: permissions belong to each function")
	}
	for _, id := range s.lambdas() {
		own := list(s.properties(id), "Policies")
		if own == nil || at(s.properties(id), "Role") != nil {
			v = append(v, fmt.Sprintf("%s must have Policies of its own, [] for none", id))
		}
		for _, policy := range own {
			if list(policy, "Statement") == nil {
				v = append(v, fmt.Sprintf("%s: a policy without statements written out grants what nobody reads here", id))
			}
		}
	}
	resources, _ := s.template["Resources"].(object)
	for id, resource := range resources {
		if text(resource, "Type") == "AWS::KMS::Key" {
			continue // a key's policy speaks of that key alone
		}
		each(resource, func(o object) {
			if o["Action"] == nil || o["Effect"] != "Allow" {
				return
			}
			for _, action := range oneOrMore(o["Action"]) {
				if a, ok := action.(string); !ok || strings.Contains(a, "*") || !strings.Contains(a, ":") {
					v = append(v, fmt.Sprintf("%s: action %v: name each action", id, action))
				}
			}
			for _, resource := range oneOrMore(o["Resource"]) {
				if resource == nil || resource == "*" || at(resource, "Fn::Sub") == "*" {
					v = append(v, fmt.Sprintf("%s: a statement on every resource: name it", id))
				}
			}
		})
	}
	return v
}

func oneOrMore(value any) []any {
	if items, ok := value.([]any); ok {
		return items
	}
	return []any{value}
}

// each visits every object inside value.
func each(value any, visit func(object)) {
	switch v := value.(type) {
	case object:
		visit(v)
		for _, member := range v {
			each(member, visit)
		}
	case []any:
		for _, item := range v {
			each(item, visit)
		}
	}
}

func table(s stack) []string {
	var v []string
	tables := s.resources("AWS::DynamoDB::Table")
	if len(tables) != 1 {
		v = append(v, fmt.Sprintf("template.yaml has %d tables, want one", len(tables)))
	}
	for _, id := range tables {
		p := s.properties(id)
		ttl, inCode := text(p, "TimeToLiveSpecification", "AttributeName"), constant(s.sources, "shared/dynamostore", "TTLAttribute")
		if ttl == "" || at(p, "TimeToLiveSpecification", "Enabled") != true || ttl != inCode {
			v = append(v, fmt.Sprintf("%s: time to live is by %q, in dynamostore.TTLAttribute %q", id, ttl, inCode))
		}
		for want, ok := range map[string]bool{
			"StreamViewType NEW_AND_OLD_IMAGES": text(p, "StreamSpecification", "StreamViewType") == "NEW_AND_OLD_IMAGES",
			"point-in-time recovery":            at(p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") == true,
			"encryption (SSESpecification)":     at(p, "SSESpecification", "SSEEnabled") == true,
			"DeletionProtectionEnabled":         at(p, "DeletionProtectionEnabled") != nil,
			"DeletionPolicy Retain":             text(s.resource(id), "DeletionPolicy") == "Retain",
		} {
			if !ok {
				v = append(v, fmt.Sprintf("%s lacks %s", id, want))
			}
		}
	}
	return v
}

// constant returns the value of a string constant of a package.
func constant(files []source, dir, name string) string {
	for _, f := range files {
		if f.dir != dir || f.test {
			continue
		}
		for line := range strings.SplitSeq(f.text, "\n") {
			if rest, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimSpace(line), "const "), name+" = "); ok {
				value, _ := strconv.Unquote(rest)
				return value
			}
		}
	}
	return ""
}

func buckets(s stack) []string {
	var v []string
	for _, id := range s.resources("AWS::S3::Bucket") {
		p := s.properties(id)
		for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			if at(p, "PublicAccessBlockConfiguration", block) != true {
				v = append(v, fmt.Sprintf("%s: %s must be true", id, block))
			}
		}
		encryption := list(p, "BucketEncryption", "ServerSideEncryptionConfiguration")
		if len(encryption) == 0 {
			v = append(v, fmt.Sprintf("%s is not encrypted", id))
		}
		for _, rule := range encryption {
			if at(rule, "BucketKeyEnabled") != false {
				v = append(v, fmt.Sprintf("%s: BucketKeyEnabled must be false, or objects have the bucket in their encryption context and not their customer", id))
			}
		}
		if !s.deniesPlainHTTP(id) {
			v = append(v, fmt.Sprintf("%s: no policy denies what comes without TLS (aws:SecureTransport)", id))
		}
		for _, action := range []string{"AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"} {
			if !slices.ContainsFunc(list(p, "LifecycleConfiguration", "Rules"), func(rule any) bool { return at(rule, action) != nil && at(rule, "Status") == "Enabled" }) {
				v = append(v, fmt.Sprintf("%s keeps for ever what nobody wants: it has no rule with %s", id, action))
			}
		}
		if text(p, "VersioningConfiguration", "Status") != "Enabled" {
			v = append(v, fmt.Sprintf("%s is not versioned", id))
		}
	}
	return v
}

// deniesPlainHTTP reports whether a bucket's policy denies everybody everything without TLS.
func (s stack) deniesPlainHTTP(bucket string) bool {
	for _, id := range s.resources("AWS::S3::BucketPolicy") {
		if target(s.properties(id)["Bucket"]) != bucket {
			continue
		}
		for _, statement := range list(s.properties(id), "PolicyDocument", "Statement") {
			if text(statement, "Effect") == "Deny" && text(statement, "Principal") == "*" && text(statement, "Action") == "s3:*" &&
				text(statement, "Condition", "Bool", "aws:SecureTransport") == "false" {
				return true
			}
		}
	}
	return false
}

// environment wants the template to set what a function loads, and nothing for one function that it does not load.
func environment(s stack) []string {
	variables := func(value any) object {
		o, _ := at(value, "Environment", "Variables").(object)
		return o
	}
	global := variables(at(s.template, "Globals", "Function"))
	var v []string
	for _, file := range s.sources {
		if path.Base(file.name) != "main.go" || file.layer != function {
			continue
		}
		folder := path.Base(file.dir)
		id := logicalID(folder)
		own := variables(s.properties(id))
		loaded, problems := loadedVariables(file)
		v = append(v, problems...)
		for _, name := range loaded {
			if own[name] == nil && global[name] == nil {
				v = append(v, fmt.Sprintf("%s loads %s, which template.yaml does not set for %s", file.name, name, id))
			}
		}
		for name := range own {
			if name != "GOMEMLIMIT" && !slices.Contains(loaded, name) { // which Go's runtime reads itself
				v = append(v, fmt.Sprintf("template.yaml sets %s for %s, which %s does not load", name, id, file.name))
			}
		}
	}
	return v
}

// twin follows a collection's path in the route that serves it with a trailing slash.
const twin = "/{proxy+}"

// byLink begins the paths of the consumer's page, which bring no key and, where they do more than show a file, the token of a
// link.
const byLink = "/api/v0.1/upload"

// openRoutes wants a route that asks for no key to lead to a function that may do nothing, but for those of byLink.
func openRoutes(s stack) []string {
	var v []string
	for _, id := range s.lambdas() {
		for name, event := range s.events(id, "HttpApi") {
			path := text(event, "Path")
			linked := id == "DocumentsFunction" && (path == byLink || strings.HasPrefix(path, byLink+"/"))
			if text(event, "Auth", "Authorizer") == "NONE" && !linked && len(list(s.properties(id), "Policies")) > 0 {
				v = append(v, fmt.Sprintf("%s.%s is open to anybody: %s must have no permissions (Policies: [])", id, name, id))
			}
		}
	}
	return v
}

// routes wants collections to answer with and without a trailing slash. A file, which has an extension, is none.
func routes(s stack) []string {
	var v []string
	for _, id := range s.lambdas() {
		found := map[string]bool{}
		for _, event := range s.events(id, "HttpApi") {
			found[text(event, "Method")+" "+text(event, "Path")] = true
		}
		for route := range found {
			collection := strings.TrimSuffix(route, twin)
			switch {
			case strings.HasSuffix(route, "/"):
				v = append(v, fmt.Sprintf("%s: %s ends in a slash, which an HTTP API does not take: write %s{proxy+}", id, route, route))
			case !strings.HasSuffix(collection, "}") && path.Ext(collection) == "" && !(found[collection] && found[collection+twin]):
				v = append(v, fmt.Sprintf("%s: %s must be there with and without %s", id, collection, twin))
			}
		}
	}
	return v
}

// simulations are for sandbox stages: a live stage has nothing that a request could make of what is not so.
func simulations(s stack) []string {
	var v []string
	for _, id := range s.lambdas() {
		for name, event := range s.events(id, "HttpApi") {
			if strings.Contains(text(event, "Path"), "/simulate/") && text(s.resource(id), "Condition") != "IsSandbox" {
				v = append(v, fmt.Sprintf("%s.%s is there on live stages too: give %s the Condition IsSandbox", id, name, id))
			}
		}
	}
	return v
}

// throttles keep one caller from using up what AWS allows the account.
func throttles(s stack) []string {
	var v []string
	for _, id := range s.resources("AWS::Serverless::HttpApi") {
		for _, limit := range []string{"ThrottlingRateLimit", "ThrottlingBurstLimit"} {
			if s.numbers(at(s.properties(id), "DefaultRouteSettings", limit)) == nil {
				v = append(v, fmt.Sprintf("%s: DefaultRouteSettings.%s must be a number or a parameter", id, limit))
			}
		}
	}
	return v
}

// accessLogs hold no identifier: those are in the path and the query.
func accessLogs(s stack) []string {
	var v []string
	for _, id := range s.resources("AWS::Serverless::HttpApi") {
		format := text(s.properties(id), "AccessLogSettings", "Format")
		if !strings.Contains(format, "$context.routeKey") {
			v = append(v, fmt.Sprintf("%s writes no access log by routeKey", id))
		}
		for _, word := range []string{"$context.path", "$context.http", "$context.authorizer.brand", "querystring", "sourceIp"} {
			if strings.Contains(strings.ToLower(format), strings.ToLower(word)) {
				v = append(v, fmt.Sprintf("%s: the access log holds %s", id, word))
			}
		}
	}
	return v
}
