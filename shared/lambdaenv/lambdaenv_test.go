package lambdaenv_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/lambdaenv"
)

// unset takes a variable away until the test ends.
func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "")
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, names ...string) *lambdaenv.Env {
	t.Helper()
	env, err := lambdaenv.Load(names...)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestLoadNamesEverythingMissing(t *testing.T) {
	t.Setenv("KYC_TEST_A", "a")
	t.Setenv("KYC_TEST_EMPTY", "")
	unset(t, "KYC_TEST_B")
	unset(t, "KYC_TEST_C")
	env, err := lambdaenv.Load("KYC_TEST_B", "KYC_TEST_A", "KYC_TEST_EMPTY", "KYC_TEST_C")
	if env != nil || err == nil {
		t.Fatalf("loaded %v", env)
	}
	if diff := cmp.Diff("environment variables not set: KYC_TEST_B, KYC_TEST_C", err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGet(t *testing.T) {
	t.Setenv("KYC_TEST_A", "a")
	t.Setenv("KYC_TEST_B", "b")
	t.Setenv("KYC_TEST_EMPTY", "")
	env := load(t, "KYC_TEST_A", "KYC_TEST_EMPTY")
	t.Setenv("KYC_TEST_A", "changed")
	if env.Get("KYC_TEST_A") != "a" || env.Get("KYC_TEST_EMPTY") != "" {
		t.Errorf("got %q, %q", env.Get("KYC_TEST_A"), env.Get("KYC_TEST_EMPTY"))
	}
	defer func() {
		if v, _ := recover().(string); !strings.Contains(v, "KYC_TEST_B") {
			t.Errorf("a variable that was not loaded: panic %q does not name it", v)
		}
	}()
	env.Get("KYC_TEST_B")
}

func TestMode(t *testing.T) {
	for value, want := range map[string]kyc.Mode{
		"sandbox": kyc.Sandbox, "live": kyc.Live, "": kyc.Live, "Sandbox": kyc.Live, " sandbox": kyc.Live, "test": kyc.Live,
	} {
		t.Run("mode "+value, func(t *testing.T) {
			t.Setenv("MODE", value)
			env := load(t, "MODE")
			if got := env.Mode(); got != want || env.Sandbox() != (want == kyc.Sandbox) {
				t.Errorf("got %s, is a sandbox: %t", got, env.Sandbox())
			}
		})
	}
}

func TestDurations(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		all   []time.Duration // nil: refused
		one   bool
	}{
		"one":             {"30s", []time.Duration{30 * time.Second}, true},
		"none at all":     {"0s", []time.Duration{0}, true},
		"several":         {"5s,5m,1h", []time.Duration{5 * time.Second, 5 * time.Minute, time.Hour}, false},
		"spaces":          {" 5s , 5m ", []time.Duration{5 * time.Second, 5 * time.Minute}, false},
		"empty":           {"", nil, false},
		"an empty one":    {"5s,", nil, false},
		"no unit":         {"30", nil, false},
		"negative":        {"5s,-1s", nil, false},
		"not a duration":  {"soon", nil, false},
		"other separator": {"5s;5m", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KYC_TEST_WAITS", c.value)
			env := load(t, "KYC_TEST_WAITS")
			all, err := env.Durations("KYC_TEST_WAITS")
			if diff := cmp.Diff(c.all, all); diff != "" || (err == nil) != (c.all != nil) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if err != nil && !strings.Contains(err.Error(), "KYC_TEST_WAITS") {
				t.Errorf("the error does not name the variable: %v", err)
			}
			one, err := env.Duration("KYC_TEST_WAITS")
			if (err == nil) != c.one || c.one && one != c.all[0] {
				t.Errorf("as one: %s, %v", one, err)
			}
		})
	}
}

func TestConfigIsLambdasEnvironment(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDNOBODY")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "no-secret")
	t.Setenv("AWS_SESSION_TOKEN", "no-token")
	for name, c := range map[string]struct {
		endpoint string
		want     *string
	}{
		"AWS": {"", nil}, "emulator": {"http://127.0.0.1:4566", aws.String("http://127.0.0.1:4566")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ENDPOINT_URL", c.endpoint)
			cfg := load(t).AWS
			if diff := cmp.Diff(c.want, cfg.BaseEndpoint); diff != "" || cfg.Region != "eu-central-1" {
				t.Errorf("region %s, endpoint (-want +got):\n%s", cfg.Region, diff)
			}
			got, err := cfg.Credentials.Retrieve(t.Context())
			want := aws.Credentials{AccessKeyID: "AKIDNOBODY", SecretAccessKey: "no-secret", SessionToken: "no-token", Source: "environment"}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
