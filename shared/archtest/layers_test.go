package archtest

// layer is a floor of the building; imports go down only, as layerRules says.
type layer string

const (
	domain   layer = "domain"   // what KYC is: values and rules, no I/O
	block    layer = "block"    // small things with one job that know at most the domain, no AWS module
	useCase  layer = "use case" // what the product does, through ports that it declares
	adapter  layer = "adapter"  // the world behind a port; the AWS SDK is here
	kit      layer = "kit"      // what the functions need of Lambda
	function layer = "function" // one Lambda each, where everything meets
	tool     layer = "tool"     // for developers and tests; nothing that is deployed imports it
)

// packages lists every package: those of functions/ under function, all others by their path below shared/.
var packages = map[layer][]string{
	domain:  {"kyc"},
	block:   {"cache", "credential", "duplicate", "filecheck", "idempotency", "identity", "message", "openapi", "uploadlink"},
	useCase: {"evidence", "notification", "onboarding", "outbox", "platform", "verification"},
	adapter: {"docvault", "dynamostore", "keyring", "queue", "sandbox", "webhook"},
	kit:     {"apigw", "clock", "lambdaenv", "sqsbatch", "streamimage", "telemetry"},
	function: {
		"admin", "authorizer", "customers", "docs", "documents", "get-kyc", "inspector", "keys", "notifier", "relay", "reviews", "simulate", "start-kyc", "timers", "verifier",
		"webhooks",
	},
	tool: {
		"archtest", "cmd/conformance", "cmd/local", "cmd/sam", "devstack", "e2e", "emulator", "memstore", "openapi/contract", "simulation",
		"testbed",
	},
}

// layerRule says what the code of a layer, tests aside, may import.
type layerRule struct {
	own       []layer  // packages of ours
	only      []string // standard library: these and no others
	not       []string // standard library: all but these and what is below them
	modules   bool     // modules of others, AWS's aside
	sdk       bool     // AWS SDK
	lambda    bool     // aws-lambda-go
	lastWords string   // what to do instead
}

var layerRules = map[layer]layerRule{
	domain: {
		// Nothing here does I/O, reads a clock or knows a format. crypto/hmac compares in constant time; io is there for
		// fmt.Formatter, sync for sync.OnceValue.
		only: []string{
			"cmp", "crypto/hmac", "errors", "fmt", "io", "iter", "log/slog", "maps", "math", "net/mail", "net/netip", "net/url",
			"regexp", "slices", "sort", "strconv", "strings", "sync", "time", "unicode", "unicode/utf8",
		},
		lastWords: "the domain knows only itself and values: pass in what it needs",
	},
	block: {
		own: []layer{domain}, not: []string{"net/http", "os"}, modules: true,
		lastWords: "a block knows at most the domain",
	},
	useCase: {
		own: []layer{domain, block}, not: []string{"net/http", "os", "encoding/json", "database/sql"},
		lastWords: "declare a port (an interface) in the use case and join the two in main.go",
	},
	adapter: {
		own: []layer{domain, block}, modules: true, sdk: true,
		lastWords: "adapters meet in main.go, through ports",
	},
	kit: {
		own: []layer{domain, block, kit}, modules: true, sdk: true, lambda: true,
		lastWords: "a kit serves every function and knows no use case and no adapter",
	},
	function: {
		own: []layer{domain, block, useCase, adapter, kit}, modules: true, lambda: true,
		lastWords: "tools are for tests, the AWS SDK for adapters and kits",
	},
	tool: {
		own: []layer{domain, block, useCase, adapter, kit, tool}, modules: true, sdk: true, lambda: true,
		lastWords: "functions are started, not imported",
	},
}
