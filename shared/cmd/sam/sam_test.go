package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAnswersAreHeldToWhatIsWanted(t *testing.T) {
	for name, test := range map[string]struct {
		printed string
		pairs   []string
		want    string
	}{
		"as wanted":           {`{"a":{"b":"x"},"n":1,"list":[]}` + "\n", []string{"a.b", "x", "n", "1", "list", "[]", "a", "*"}, ""},
		"nothing to answer":   {"null", nil, ""},
		"no output":           {"\n", nil, "gave no answer"},
		"a function's error":  {`{"errorType":"x","errorMessage":"y"}`, nil, "ended with an error"},
		"no JSON":             {"Task timed out", nil, "no JSON object: Task timed out"},
		"another value":       {`{"a":"x"}`, []string{"a", "y"}, `a is "x", want "y"`},
		"a member is missing": {`{}`, []string{"a.b", "*"}, `a.b is "", want "*"`},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := parseAnswer([]byte(test.printed))
			if err == nil {
				err = a.want(test.pairs...)
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestRefusalsAreFailures(t *testing.T) {
	if err := (answer{"Status": 400.0}).refusal(); err == nil {
		t.Error("a refusal of the admin function passed")
	}
	if _, err := (answer{"statusCode": 500.0, "body": "{}"}).body(201); err == nil {
		t.Error("an answer of another status passed")
	}
}

func TestABackgroundCommandIsEndedWithItsChildren(t *testing.T) {
	b, err := start(command(t.Context(), cleanEnvironment(), t.TempDir(), "sh", "-c", "sleep 1000 & echo $!; wait"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.until(t.Context(), time.Minute, func(context.Context) bool { return strings.HasSuffix(b.said.String(), "\n") }); err != nil {
		t.Fatal(err)
	}
	child := strings.TrimSpace(b.said.String())
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	// It has its signal, and the system ends it in a moment; whoever adopted it may leave it as a zombie.
	ended := func() bool {
		stat, _ := os.ReadFile("/proc/" + child + "/stat")
		return exec.Command("kill", "-0", child).Run() != nil || bytes.Contains(stat, []byte(") Z "))
	}
	for deadline := time.Now().Add(time.Minute); !ended(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the child still runs")
		}
	}
}

func TestNothingOfAWSReachesACommand(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("SAM_CLI_POLL_DELAY", "1")
	for _, entry := range cleanEnvironment("AWS_REGION=here") {
		if name, _, _ := strings.Cut(entry, "="); entry != "AWS_REGION=here" && (strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "SAM_")) {
			t.Errorf("%s reaches it", name)
		}
	}
}

func TestContainersReachTheLoopbackThroughTheForwarder(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	w := &workshop{}
	d := &docker{w: w, listen: "127.0.0.1", seenAs: "127.0.0.1"}
	address, err := d.forward(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make([]byte, 5)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, undo := range w.undo {
		if err := undo(); err != nil {
			t.Error(err)
		}
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it still listens after the end")
	}
}

func TestTheImageHoldsTheRuntimeEmulator(t *testing.T) {
	root := t.TempDir()
	packages := filepath.Join(root, ".local", samTool.Folder, "lib", "python3.12", "site-packages")
	for _, file := range []string{"samcli/local/rapid/aws-lambda-rie-" + architecture(), "certifi/cacert.pem"} {
		path := filepath.Join(packages, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(file), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := (&docker{w: &workshop{root: root}}).imageFiles()
	if err != nil {
		t.Fatal(err)
	}
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if err != nil {
			t.Fatalf("the emulator is not there: %v", err)
		}
		if header.Name == "var/rapid/aws-lambda-rie" {
			if header.Mode != 0o755 {
				t.Errorf("its mode is %o", header.Mode)
			}
			return
		}
	}
}
