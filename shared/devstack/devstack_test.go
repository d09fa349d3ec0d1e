package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kyc/shared/emulator"
)

// TestStack goes through the life of a small stack, in one emulator.
func TestStack(t *testing.T) {
	ctx := t.Context()
	running := startEmulator(t)
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(filepath.Join("testdata", "root"))); err != nil {
		t.Fatal(err)
	}
	stack, err := Deploy(ctx, Options{
		Root: root, Endpoint: running.Endpoint(), StackName: "small", Parameters: map[string]string{"Greeting": "moin"},
	})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("has its parameters, outputs and resources", func(t *testing.T) {
		if got := stack.Outputs["Greeting"]; got != "moin" {
			t.Errorf("output Greeting = %q, want moin", got)
		}
		if got := stack.Resource("Queue"); !strings.Contains(got, "/small-Queue-") {
			t.Errorf("the queue is %q, want its URL", got)
		}
		if got := stack.Resource("Nothing"); got != "" {
			t.Errorf("a resource that is not there is %q", got)
		}
	})
	t.Run("routes and guards its API", func(t *testing.T) {
		for name, test := range map[string]struct {
			path, word string
			want       int
		}{
			"right word":          {"/closed/1", "open sesame", http.StatusOK},
			"wrong word":          {"/closed/1", "open barley", http.StatusForbidden},
			"no word":             {"/closed/1", "", http.StatusUnauthorized},
			"open to all":         {"/open", "", http.StatusOK},
			"with a condition":    {"/extra", "open sesame", http.StatusOK},
			"unknown path":        {"/elsewhere", "open sesame", http.StatusNotFound},
			"trailing slash":      {"/closed/1/", "open sesame", http.StatusNotFound},
			"parameter must be 1": {"/closed", "open sesame", http.StatusNotFound},
		} {
			t.Run(name, func(t *testing.T) {
				if got := get(t, stack.URL(test.path), "Authorization", test.word); got.StatusCode != test.want {
					t.Errorf("GET %s answered %d, want %d", test.path, got.StatusCode, test.want)
				}
			})
		}
	})
	t.Run("has its CORS", func(t *testing.T) {
		got := get(t, stack.URL("/open"), "Origin", "https://example.com").Header.Get("Access-Control-Allow-Origin")
		if got != "https://example.com" {
			t.Errorf("allowed origin is %q", got)
		}
	})
	t.Run("is invoked by logical id and by folder", func(t *testing.T) {
		for _, name := range []string{"EchoFunction", "echo"} {
			out, err := stack.Invoke(ctx, name, []byte(`{"a":1}`))
			if err != nil {
				t.Fatal(err)
			}
			var answer map[string]int
			if err := json.Unmarshal(out, &answer); err != nil || answer["a"] != 1 {
				t.Errorf("%s answered %s", name, out)
			}
		}
		if _, err := stack.Invoke(ctx, "nobody", nil); err == nil {
			t.Error("a function that is not there was invoked")
		}
	})
	t.Run("starts a killed function again", func(t *testing.T) {
		killed, err := running.KillFunction(stack.Resource("EchoFunction"))
		if err != nil || killed == 0 {
			t.Fatalf("killed %d processes: %v", killed, err)
		}
		if _, err := stack.Invoke(ctx, "echo", []byte(`{}`)); err != nil {
			t.Error(err)
		}
	})
	t.Run("tells of a function's error", func(t *testing.T) {
		_, err := stack.Invoke(ctx, "echo", []byte(`"please fail"`))
		var failed *FunctionError
		if !errors.As(err, &failed) || !strings.Contains(failed.Payload, "as you like") {
			t.Errorf("got %v, want a FunctionError", err)
		}
	})
	t.Run("shows each log line once and none of Lambda's own", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(ctx, 4*logPoll)
		defer cancel()
		lines := map[string]int{}
		if err := stack.Logs(ctx, func(function, line string) { lines[function+" "+line]++ }); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		// Two direct invocations had {"a": 1} for input.
		if got := lines[`echo {"level":"INFO","msg":"echo","bytes":8}`]; got != 2 {
			t.Errorf("the lines of two invocations were shown %d times; all lines: %v", got, lines)
		}
		for line := range lines {
			if strings.Contains(line, "RequestId:") {
				t.Errorf("shown: %s", line)
			}
		}
	})
	t.Run("is updated, API included", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), "Path: /open,", "Path: /opened,", 1)
		if err := stack.Update(ctx, changed, map[string]string{"Greeting": "servus", "Extras": "no"}); err != nil {
			t.Fatal(err)
		}
		if got := stack.Outputs["Greeting"]; got != "servus" {
			t.Errorf("output Greeting = %q, want servus", got)
		}
		for path, want := range map[string]int{"/opened": http.StatusOK, "/open": http.StatusNotFound, "/closed/1": http.StatusOK, "/extra": http.StatusNotFound} {
			if got := get(t, stack.URL(path), "Authorization", "open sesame"); got.StatusCode != want {
				t.Errorf("GET %s answered %d, want %d", path, got.StatusCode, want)
			}
		}
	})
	t.Run("is updated with new code", func(t *testing.T) {
		source := filepath.Join(root, "functions", "echo", "main.go")
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		write(t, source, strings.Replace(string(text), "as you like", "as you wish", 1))
		if err := stack.Update(ctx, "", nil); err != nil {
			t.Fatal(err)
		}
		_, err = stack.Invoke(ctx, "echo", []byte(`"please fail"`))
		var failed *FunctionError
		if !errors.As(err, &failed) || !strings.Contains(failed.Payload, "as you wish") {
			t.Errorf("got %v, want the new code's words", err)
		}
	})
	t.Run("is deleted", func(t *testing.T) {
		if err := stack.Delete(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestAFailedStackNamesResourceAndReason(t *testing.T) {
	endpoint := startEmulator(t).Endpoint()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(filepath.Join("testdata", "root"))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		old, changed     string
		resource, reason string
	}{
		"resource":  {"VisibilityTimeout: 30", "VisibilityTimeout: 999999", "Queue", "VisibilityTimeout"},
		"kind":      {"Type: AWS::SQS::Queue", "Type: AWS::SQS::Pipe", "", "AWS::SQS::Pipe"},
		"parameter": {"Greeting: { Type: String, Default: hello }", "Greeting: { Type: String }", "", "Greeting"},
		"transform": {"Path: /open,", "", "", "Path"},
	} {
		t.Run(name, func(t *testing.T) {
			template := strings.Replace(string(text), test.old, test.changed, 1)
			_, err := Deploy(t.Context(), Options{Root: root, Endpoint: endpoint, StackName: name, Template: template})
			var failed *StackError
			if !errors.As(err, &failed) {
				t.Fatalf("got %v, want a StackError", err)
			}
			if failed.Resource != test.resource || !strings.Contains(failed.Reason, test.reason) {
				t.Errorf("it failed at %q because of %q, want %q and %q", failed.Resource, failed.Reason, test.resource, test.reason)
			}
		})
	}
}

func get(t *testing.T, address, header, value string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if value != "" {
		request.Header.Set(header, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response
}

func startEmulator(t *testing.T) *emulator.Emulator {
	t.Helper()
	root, err := emulator.Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := emulator.Install(t.Context(), root, func(what string) { t.Log(what) }); err != nil {
		t.Fatal(err)
	}
	running, err := emulator.Start(t.Context(), emulator.Options{Root: root, Auth: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	return running
}

func productTemplate(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
