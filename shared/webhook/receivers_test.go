//go:build receivers

package webhook_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/webhook"
)

// installed is where `make receivers` has put what they need, and the programs themselves.
const installed = "../../.local/receivers"

// Each receiver of VERIFY.md, as a program of its own, takes what is signed with its key, alone or with another one while
// they take each other's place, and nothing else.
func TestReceivers(t *testing.T) {
	private, public := webhook.NewKeyPair()
	otherPrivate, otherPublic := webhook.NewKeyPair()
	secret, other := webhook.NewSecret(), webhook.NewSecret()
	program := filepath.Join(t.TempDir(), "receiver")
	build := exec.Command("go", "build", "-o", program, "testdata/receivers/receiver.go")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, c := range map[string]struct {
		command    []string
		variable   string
		key, other kyc.Secret
	}{
		"Go":                                    {[]string{program}, "WEBHOOK_SECRET=" + secret.Reveal(), secret, other},
		"Python":                                {[]string{installed + "/venv/bin/python", "testdata/receivers/receiver.py"}, "WEBHOOK_SECRET=" + secret.Reveal(), secret, other},
		"TypeScript":                            {[]string{"node", installed + "/receiver.js"}, "WEBHOOK_SECRET=" + secret.Reveal(), secret, other},
		"Ed25519":                               {[]string{"node", installed + "/receiver-ed25519.js"}, "WEBHOOK_PUBLIC_KEYS=" + public, private, otherPrivate},
		"Ed25519, with both keys of a rotation": {[]string{"node", installed + "/receiver-ed25519.js"}, "WEBHOOK_PUBLIC_KEYS=" + otherPublic + " " + public, private, webhook.NewSecret()},
	} {
		t.Run(name, func(t *testing.T) {
			host := start(t, c.command, c.variable)
			post := func(at time.Time, keys ...kyc.Secret) int {
				t.Helper()
				s := webhook.NewSender(webhook.NewEgress(kyc.Sandbox, host), func() time.Time { return at })
				try, err := s.Send(t.Context(), kyc.Endpoint{URL: "http://" + host + "/webhooks", Keys: keys}, event)
				if err != nil || try.Code == 0 {
					t.Fatalf("%s, %v", try.Error, err)
				}
				return try.Code
			}
			now := time.Now()
			for what, keys := range map[string][]kyc.Secret{
				"its own": {c.key}, "the older of two": {c.other, c.key}, "the newer of two": {c.key, c.other}, "one of four": {other, otherPrivate, c.key, private},
			} {
				if code := post(now, keys...); code != 204 {
					t.Errorf("signed with %s: %d", what, code)
				}
			}
			if code := post(now, c.other); code != 401 {
				t.Errorf("signed with another one: %d", code)
			}
			for _, at := range []time.Time{now.Add(-10 * time.Minute), now.Add(10 * time.Minute)} {
				if code := post(at, c.key); code != 401 {
					t.Errorf("at %s: %d", at, code)
				}
			}
		})
	}
}

// start runs a receiver until the test ends, and returns its address once it answers there.
func start(t *testing.T, command []string, variable string) (host string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host = l.Addr().String()
	if err := l.Close(); err != nil { // the port is free now, and nobody else's for the moment
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(host, ":")
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), variable, "PORT="+port), &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			fmt.Println(output.String())
		}
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", host); err == nil {
			_ = conn.Close()
			return host
		}
	}
	t.Fatalf("%v does not listen", command)
	return ""
}
