package testbed

import (
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
)

// DynamoDBEndpoint is the variable by which `make conformance` puts another DynamoDB under the tests: its address,
// http://127.0.0.1:8000. Where it is not set the tables are the emulator's, as everything else is. Go's cache of test
// results takes notice of it.
const DynamoDBEndpoint = "KYC_DYNAMODB_ENDPOINT"

// withTable returns one endpoint for what is at the emulator and, where there is another one, at the other DynamoDB: the
// functions know one endpoint for all of AWS. It lasts as long as the program.
func withTable(emulator, dynamoDB string) (string, error) {
	if dynamoDB == "" {
		return emulator, nil
	}
	table, err := url.Parse(dynamoDB)
	if err != nil || table.Host == "" {
		return "", fmt.Errorf("%s is no address like http://127.0.0.1:8000", DynamoDBEndpoint)
	}
	rest, err := url.Parse(emulator)
	if err != nil {
		return "", err
	}
	return httptest.NewServer(&httputil.ReverseProxy{Transport: connections.Transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(rest)
		if strings.HasPrefix(r.In.Header.Get("X-Amz-Target"), "DynamoDB_") {
			r.SetURL(table)
		}
		r.Out.Host = r.In.Host // what was signed
	}}).URL, nil
}
