package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// stopGrace is what a process gets between SIGTERM and SIGKILL. The SAM CLI removes its containers in it.
const stopGrace = 15 * time.Second

// command is a program in a process group of its own: a Ctrl-C in the terminal reaches only us, and we end the group in
// order. When ctx ends, it is asked to end, and killed if it does not.
func command(ctx context.Context, environment []string, folder, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = folder, environment
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	return cmd
}

// output runs a command and returns its standard output. The error has the end of what it said.
func output(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := outputOnly(ctx, cmd)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %s", err, lastLines(said.String()+string(out)))
	}
	return out, err
}

// outputOnly is output for a command whose standard error the caller takes.
func outputOnly(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whoever of the group is left
		}
		return nil, ctx.Err()
	}
	return out.Bytes(), err
}

// background is a command that runs until it is closed.
type background struct {
	cmd    *exec.Cmd
	said   lockedBuffer
	exited chan struct{}
}

func start(cmd *exec.Cmd) (*background, error) {
	b := &background{cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &b.said, &b.said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // how it ended is told by what it said
		close(b.exited)
	}()
	return b, nil
}

// Close asks the command to end, kills it if it does not, and returns when it has ended.
func (b *background) Close() error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		err := syscall.Kill(-b.cmd.Process.Pid, signal)
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end %s: %w", b.cmd.Path, err)
		}
		select {
		case <-b.exited:
			_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL) // whoever of the group is left
			return nil
		case <-time.After(stopGrace):
		}
	}
	return fmt.Errorf("%s is still there after it was killed", b.cmd.Path)
}

// until asks often whether a background command is ready; it fails when the command ends or the time is over.
func (b *background) until(ctx context.Context, limit time.Duration, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	often := time.NewTicker(100 * time.Millisecond)
	defer often.Stop()
	for !ready(ctx) {
		select {
		case <-often.C:
		case <-b.exited:
			return fmt.Errorf("it ended: %s", lastLines(b.said.String()))
		case <-ctx.Done():
			return fmt.Errorf("it was not ready within %v: %s", limit, lastLines(b.said.String()))
		}
	}
	return nil
}

// lastLines is the end of a text, for an error.
func lastLines(text string) string {
	const most = 12
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// cleanEnvironment is the caller's, without anything of AWS: no credentials, profiles or endpoints may reach a command
// that is not meant for them.
func cleanEnvironment(more ...string) []string {
	var environment []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "AWS_") && !strings.HasPrefix(entry, "SAM_") && !strings.HasPrefix(entry, "LAMBDA_GOARCH=") {
			environment = append(environment, entry)
		}
	}
	return append(environment, more...)
}

// discard reads to the end and closes, so that a connection can be used again.
func discard(r io.ReadCloser) {
	_, _ = io.Copy(io.Discard, r)
	_ = r.Close()
}
