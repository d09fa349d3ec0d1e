// Command conformance runs the tests of the given packages with AWS's own DynamoDB engine, DynamoDB Local, in the place
// of the emulator's.
//
//	go run ./shared/cmd/conformance ./shared/dynamostore ./functions/...
//
// The emulator accepts a few things that DynamoDB refuses; code that passes both engines is safe. Everything but the
// tables stays the emulator's. It needs Go, Python 3.10 or newer, a JDK of version 17 or newer, and Maven.
//
// DynamoDB Local is AWS's own: its licence asks for an AWS account in good standing and forbids to hand it on. So it is
// fetched here, from Maven Central, by who runs this and accepts that; no artifact of this repository has it in it, and
// neither the product nor `make run` nor `make test` needs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"

	"kyc/shared/emulator"
	"kyc/shared/testbed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := emulator.WithParent(ctx)
	defer cancel()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: conformance package...")
		os.Exit(2)
	}
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "conformance: "+err.Error())
		os.Exit(1)
	}
}

// run returns the tests' result when the engine has ended.
func run(ctx context.Context, packages []string) error {
	root, err := emulator.Root()
	if err != nil {
		return err
	}
	jars, err := install(ctx, root)
	if err != nil {
		return err
	}
	e, err := start(ctx, jars)
	if err != nil {
		return err
	}
	defer e.close()
	tests := group(ctx, "go", slices.Concat([]string{"test", "-timeout", "10m"}, packages)...)
	tests.Dir = root
	tests.Env = append(os.Environ(), testbed.DynamoDBEndpoint+"="+e.endpoint)
	tests.Stdout, tests.Stderr = os.Stdout, os.Stderr
	err = tests.Run()
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return fmt.Errorf("go test with DynamoDB Local: %w", err)
	}
	return nil
}

// group is a program in a process group of its own: a Ctrl-C in the terminal reaches only us, and we end it when ctx
// ends, with all that it has started.
func group(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
