package kyc_test

import (
	"errors"
	"fmt"
	"testing"

	"kyc/shared/kyc"
)

func TestKindOf(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want kyc.Kind
	}{
		"none":            {nil, kyc.Internal},
		"not a refusal":   {errors.New("x"), kyc.Internal},
		"a refusal":       {kyc.ErrCustomerUnknown(), kyc.NotFound},
		"a wrapped one":   {fmt.Errorf("read: %w", kyc.ErrProgramUnknown()), kyc.NotFound},
		"a malformed id":  {kyc.ErrCustomerMalformed(), kyc.Invalid},
		"the outer one":   {&kyc.Error{Kind: kyc.Unavailable, Err: kyc.ErrCustomerUnknown()}, kyc.Unavailable},
		"joined to other": {errors.Join(errors.New("x"), &kyc.Error{Kind: kyc.Conflict}), kyc.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			if got := kyc.KindOf(c.err); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestErrorTextIsForTheLog(t *testing.T) {
	cause := errors.New("the table is gone")
	for name, c := range map[string]struct {
		err  *kyc.Error
		want string
	}{
		"code alone":       {&kyc.Error{Code: "c"}, "c"},
		"message":          {&kyc.Error{Code: "c", Message: "m"}, "c: m"},
		"names of fields":  {&kyc.Error{Code: "c", Fields: map[string][]string{"ssn": {"why"}}}, "c ssn"},
		"message, cause":   {&kyc.Error{Code: "c", Message: "m", Err: cause}, "c: m: the table is gone"},
		"no extra members": {&kyc.Error{Code: "c", Extra: map[string]any{"a": "b"}}, "c"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.err.Error(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !errors.Is(c.err, c.err.Err) && c.err.Err != nil {
				t.Error("the cause is not in the chain")
			}
		})
	}
}

func TestRefusalsAreNew(t *testing.T) {
	for name, refusal := range map[string]func() *kyc.Error{
		"customer unknown": kyc.ErrCustomerUnknown, "program unknown": kyc.ErrProgramUnknown, "customer malformed": kyc.ErrCustomerMalformed,
	} {
		t.Run(name, func(t *testing.T) {
			refusal().Code = "spoilt"
			if refusal().Code == "spoilt" {
				t.Error("what one caller adds, the next one answers with")
			}
		})
	}
}
