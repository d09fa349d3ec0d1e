package archtest

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// inspectedEvents is where every event is invoked by the SAM CLI.
const inspectedEvents = "shared/cmd/sam"

// eventsInUse wants each event to be handled by its function's test or by the SAM CLI: an event that nobody reads goes
// stale.
func eventsInUse(s stack) []string {
	var v []string
	for name := range s.files {
		if !strings.HasPrefix(name, "events/") {
			continue
		}
		used := false
		for _, file := range s.sources {
			reads := file.dir == inspectedEvents || file.test && strings.HasPrefix(file.dir, "functions/") && belongs(name, path.Base(file.dir))
			used = used || reads && strings.Contains(file.text, `"`+path.Base(name)+`"`)
		}
		if !used {
			v = append(v, fmt.Sprintf("%s is read by no test of its function and not by %s", name, inspectedEvents))
		}
	}
	return v
}

// eventsFitTriggers wants each event to be one that the template's triggers can send: a route that is there, a queue, a
// stream, a schedule, or for a function without any of those a call by hand.
func eventsFitTriggers(s stack) []string {
	routes, authorizers := map[string]bool{}, map[string]bool{}
	for _, id := range s.lambdas() {
		for _, event := range s.events(id, "HttpApi") {
			routes[strings.ToUpper(text(event, "Method"))+" "+text(event, "Path")] = true
		}
	}
	for _, api := range s.resources("AWS::Serverless::HttpApi") {
		all, _ := at(s.properties(api), "Auth", "Authorizers").(object)
		for _, authorizer := range all {
			authorizers[target(at(authorizer, "FunctionArn"))] = true
		}
	}
	var v []string
	for _, folder := range s.functions() {
		id := logicalID(folder)
		for name, content := range s.files {
			if !belongs(name, folder) || longerName(s, name, folder) {
				continue
			}
			if why := misfit(s, id, content, routes, authorizers[id]); why != "" {
				v = append(v, fmt.Sprintf("%s: %s", name, why))
			}
		}
	}
	return v
}

// longerName reports whether an event belongs to a function whose name goes on: start-kyc-x.json where there is a
// functions/start-kyc beside a functions/start.
func longerName(s stack, name, folder string) bool {
	for _, other := range s.functions() {
		if len(other) > len(folder) && belongs(name, other) {
			return true
		}
	}
	return false
}

// misfit says why no trigger of a function can have sent an event; empty if one can.
func misfit(s stack, id, content string, routes map[string]bool, authorizer bool) string {
	var event struct {
		Version, Type, RouteKey, Source string
		Records                         []struct{ EventSource string }
	}
	if json.Unmarshal([]byte(content), &event) != nil {
		return "" // said elsewhere
	}
	kind := ""
	switch {
	case event.Type == "REQUEST":
		if !authorizer {
			return fmt.Sprintf("it is an authorizer's, and %s is none in template.yaml", id)
		}
		if !routes[event.RouteKey] {
			return fmt.Sprintf("template.yaml has no route %s", event.RouteKey)
		}
		return ""
	case event.RouteKey != "":
		for _, own := range s.events(id, "HttpApi") {
			if strings.ToUpper(text(own, "Method"))+" "+text(own, "Path") == event.RouteKey {
				return ""
			}
		}
		return fmt.Sprintf("template.yaml gives %s no route %s", id, event.RouteKey)
	case len(event.Records) > 0:
		kind = map[string]string{"aws:sqs": "SQS", "aws:dynamodb": "DynamoDB"}[event.Records[0].EventSource]
	case event.Source == "aws.scheduler":
		kind = "ScheduleV2"
	default:
		if triggers, _ := at(s.properties(id), "Events").(object); len(triggers) > 0 || authorizer {
			return fmt.Sprintf("it has the shape of no trigger of %s", id)
		}
		return ""
	}
	if len(s.events(id, kind)) == 0 {
		return fmt.Sprintf("template.yaml gives %s no trigger of this kind", id)
	}
	return ""
}
