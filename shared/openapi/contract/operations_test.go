package contract

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOperations(t *testing.T) {
	found := map[string]Operation{}
	reading, deleting := true, false
	for _, o := range Operations(t) {
		found[o.String()] = o
		if o.Method == "GET" && !reading || o.Method != "DELETE" && deleting {
			t.Errorf("%s is out of order", o)
		}
		reading, deleting = o.Method == "GET", o.Method == "DELETE"
	}
	want := Operation{
		Method: "GET", Path: "/customers/{customer_id}/verification-kyc/attempts", Parameters: []string{"customer_id"},
		Query: []string{"program_id", "cursor"}, RequiredQuery: []string{"program_id"},
	}
	if diff := cmp.Diff(want, found[want.String()]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	start := found["POST /customers/{customer_id}/verification-kyc"]
	if len(start.Bodies) != 2 || len(start.Bodies[0]) <= len(start.Bodies[1]) || start.Bodies[1]["ip"] == nil {
		t.Errorf("bodies of a start: %v", start.Bodies)
	}
}
