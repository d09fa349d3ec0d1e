package archtest

import (
	"slices"
	"testing"
)

// rule returns one sentence per violation: where, and what to do.
type rule struct {
	name  string
	check func(r repository, files []source, s stack) []string
}

func ofCode(check func(repository, []source) []string) func(repository, []source, stack) []string {
	return func(r repository, files []source, _ stack) []string { return check(r, files) }
}

func ofFolders(check func(repository) []string) func(repository, []source, stack) []string {
	return func(r repository, _ []source, _ stack) []string { return check(r) }
}

func ofTemplate(check func(stack) []string) func(repository, []source, stack) []string {
	return func(_ repository, _ []source, s stack) []string { return check(s) }
}

var rules = []rule{
	{"every package is listed", ofFolders(packageList)},
	{"packages are named for what they provide", ofCode(packageNames)},
	{"imports go down", ofCode(imports)},
	{"the domain has no struct tags", ofCode(jsonTags)},
	{"time and settings come from outside", ofCode(clockAndEnvironment)},
	{"contexts are handed on", ofCode(freshContexts)},
	{"errors are returned", ofCode(suddenEnds)},
	{"error texts stay inside", ofCode(errorText)},
	{"interfaces are small", ofCode(smallInterfaces)},
	{"every route needs a permission", ofCode(permissions)},
	{"no test is skipped", ofCode(skippedTests)},
	{"functions look alike", ofFolders(functionFolders)},
	{"one name in four places", ofTemplate(oneNameInFourPlaces)},
	{"events are in use", ofTemplate(eventsInUse)},
	{"events fit the triggers", ofTemplate(eventsFitTriggers)},
	{"each function has its log group", ofTemplate(ownLogGroups)},
	{"batches report what failed", ofTemplate(batches)},
	{"queues lose nothing", ofTemplate(queues)},
	{"permissions are least", ofTemplate(policies)},
	{"the table is safe", ofTemplate(table)},
	{"buckets are closed", ofTemplate(buckets)},
	{"settings are those that are loaded", ofTemplate(environment)},
	{"a function that is open to anybody may do nothing", ofTemplate(openRoutes)},
	{"collections answer with and without a slash", ofTemplate(routes)},
	{"only a sandbox simulates", ofTemplate(simulations)},
	{"requests are throttled", ofTemplate(throttles)},
	{"access logs hold no identifier", ofTemplate(accessLogs)},
}

// violations applies every rule and returns what each found.
func violations(t *testing.T, r repository) map[string][]string {
	t.Helper()
	files, err := r.sources()
	if err != nil {
		t.Fatal(err)
	}
	template, err := parseTemplate(r.files["template.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, rule := range rules {
		found[rule.name] = rule.check(r, files, stack{r, files, template})
		slices.Sort(found[rule.name])
	}
	return found
}

func TestRepository(t *testing.T) {
	found := violations(t, onDisk(t))
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			for _, v := range found[rule.name] {
				t.Error(v)
			}
		})
	}
}
