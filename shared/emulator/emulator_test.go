package emulator

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// asParent makes this test binary a program that starts an emulator and waits to be killed.
var asParent = flag.Bool("as-parent", false, "start an emulator, tell its process group, and wait")

// goneWithin is far more than any process here takes to end.
const goneWithin = 20 * time.Second

func TestStartAndClose(t *testing.T) {
	e, err := Start(t.Context(), Options{Root: installedRoot(t)})
	if err != nil {
		t.Fatal(err)
	}
	if host, _, err := net.SplitHostPort(strings.TrimPrefix(e.Endpoint(), "http://")); err != nil || host != "127.0.0.1" {
		t.Errorf("endpoint is %s, want one on 127.0.0.1", e.Endpoint())
	}
	if !e.healthy(t.Context()) {
		t.Error("it was returned before it answers")
	}
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	select {
	case <-e.Done():
	default:
		t.Error("Close returned before the emulator had ended")
	}
	if groupAlive(e.pid) {
		t.Error("processes are left")
	}
	if _, err := os.Stat(e.folder); !os.IsNotExist(err) {
		t.Errorf("state is left: %v", err)
	}
}

func TestStartOnATakenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	_, err = Start(t.Context(), Options{Root: installedRoot(t), Port: port})
	var taken *PortTakenError
	if !errors.As(err, &taken) || taken.Port != port {
		t.Fatalf("got %v, want a PortTakenError for %d", err, port)
	}
	if want := "port " + strconv.Itoa(port) + " on 127.0.0.1 is taken"; !strings.Contains(err.Error(), want) {
		t.Errorf("it says %q, want %q", err, want)
	}
}

func TestStartWithoutInstallation(t *testing.T) {
	if _, err := Start(t.Context(), Options{Root: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "Install") {
		t.Errorf("got %v, want the advice to install", err)
	}
}

func TestAnEarlyEndShowsTheLastLines(t *testing.T) {
	root := t.TempDir()
	script(t, ministack.Program(root, "python"), "#!/bin/sh\necho out of luck >&2\nexit 3\n")
	script(t, ministack.marker(root), requirements)
	_, err := Start(t.Context(), Options{Root: root})
	if err == nil || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("got %v, want the emulator's last words", err)
	}
}

func TestStartIsGivenUpWithItsContext(t *testing.T) {
	root := t.TempDir()
	script(t, ministack.Program(root, "python"), "#!/bin/sh\nexec sleep 1000\n")
	script(t, ministack.marker(root), requirements)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, Options{Root: root}); err == nil {
		t.Error("it started")
	}
}

func TestCloseKillsWhoDoesNotListen(t *testing.T) {
	// The shell ignores SIGTERM, and so does its child, which outlives it if it is the only one to be killed.
	e := &Emulator{folder: t.TempDir(), log: &logTail{}, exited: make(chan struct{}), closed: make(chan struct{}, 1)}
	e.closed <- struct{}{}
	root := t.TempDir()
	script(t, ministack.Program(root, "python"), "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho ready\nwait\nsleep 1000\n")
	if err := e.launch(Options{Root: root}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stubborn process is ready", func() bool { return e.log.String() == "ready" })
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if groupAlive(e.pid) {
		t.Error("processes are left")
	}
}

func TestAnEmulatorEndsWithItsParent(t *testing.T) {
	if *asParent {
		e, err := Start(t.Context(), Options{Root: installedRoot(t)})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("group", e.pid, e.folder)
		select {} // until it is killed
	}
	installedRoot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-as-parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var group int
	var folder string
	for lines := bufio.NewScanner(out); group == 0 && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "group %d %s", &group, &folder) // other lines are the test's own
	}
	if group == 0 {
		t.Fatal("the parent told nothing")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	eventually(t, "the emulator has ended", func() bool { return !groupAlive(group) })
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("state is left: %v", err)
	}
}

func TestLogTailKeepsTheEndInWholeLines(t *testing.T) {
	var all strings.Builder
	tail := &logTail{next: &all}
	for i := range 1000 {
		fmt.Fprintf(tail, "line %d\n", i)
	}
	got := tail.String()
	if len(got) > tailBytes || !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "line 999") {
		t.Errorf("it kept %q", got)
	}
	if !strings.HasPrefix(all.String(), "line 0\n") {
		t.Error("it did not hand on what was written")
	}
}

func TestRootIsWhereGoModIs(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "template.yaml")); err != nil {
		t.Errorf("%s is not the checkout: %v", root, err)
	}
	t.Chdir(t.TempDir())
	if root, err := Root(); err == nil {
		t.Errorf("outside of any checkout it found %s", root)
	}
}

func installedRoot(t *testing.T) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := Install(t.Context(), root, func(what string) { t.Log(what) }); err != nil {
		t.Fatal(err)
	}
	return root
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), goneWithin)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %v in vain until %s", goneWithin, what)
		}
	}
}
