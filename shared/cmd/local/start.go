package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"kyc/shared/devstack"
	"kyc/shared/emulator"
)

// stackName is part of every resource's name.
const stackName = "kyc-local"

// local is the product, running on this machine.
type local struct {
	out      *terminal
	site     string // the API's address without a path
	emulator *emulator.Emulator
	receiver *receiver
	stack    *devstack.Stack
	open     closers
}

func (l *local) close() error { return l.open.Close() }

// start brings everything up, in the order in which it can fail cheaply: the lock, the port, Python, then the rest.
func (l *local) start(ctx context.Context, port int) error {
	defer l.out.end()
	root, err := emulator.Root()
	if err != nil {
		return err
	}
	if err := l.lock(root); err != nil {
		return err
	}
	listeners, err := listen(port)
	if err != nil {
		return err
	}
	for _, listener := range listeners {
		l.open = append(l.open, closeFunc(func() error {
			_ = listener.Close() // by now its server may have done so
			return nil
		}))
	}
	if err := emulator.Install(ctx, root, l.out.step); err != nil {
		return err
	}
	l.out.step("starting the AWS emulator")
	if l.emulator, err = emulator.Start(ctx, emulator.Options{Root: root, Auth: true}); err != nil {
		return err
	}
	l.open = append(l.open, l.emulator)
	if l.receiver, err = newReceiver(l.out); err != nil {
		return err
	}
	l.open = append(l.open, l.receiver)
	parameters := devstack.LocalParameters()
	parameters["WebhookTestHosts"] = l.receiver.host()
	parameters["PublicUrl"] = l.site + "/api/v0.1"
	l.stack, err = devstack.Deploy(ctx, devstack.Options{
		Root: root, Endpoint: l.emulator.Endpoint(), StackName: stackName, Parameters: parameters, Progress: l.out.step,
	})
	if err != nil {
		return err
	}
	server, err := serveFrontDoor(listeners, l.stack.URL(""))
	if err != nil {
		return err
	}
	l.open = append(l.open, server)
	return nil
}

// lock makes this the only one that runs in the checkout, and leaves a note for the next one.
func (l *local) lock(root string) error {
	path := filepath.Join(root, ".local", "run.lock")
	file, err := emulator.TryLock(path)
	if errors.Is(err, emulator.ErrLocked) {
		return alreadyRunning(path)
	}
	if err != nil {
		return fmt.Errorf("lock the checkout: %w", err)
	}
	l.open = append(l.open, file)
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("note the address: %w", err)
	}
	if _, err := fmt.Fprintf(file, "%s %d\n", l.site, os.Getpid()); err != nil {
		return fmt.Errorf("note the address: %w", err)
	}
	return nil
}

func alreadyRunning(path string) error {
	note, _ := os.ReadFile(path) // without the note the sentence is shorter
	site, process, found := strings.Cut(strings.TrimSpace(string(note)), " ")
	if !found {
		return errors.New("already running in this checkout; end it with Ctrl-C first")
	}
	return fmt.Errorf("already running at %s (process %s); end it with Ctrl-C first", site, process)
}

// listen takes the port on both loopback addresses, since localhost may mean either. A machine without IPv6 has one.
func listen(port int) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, host := range []string{"127.0.0.1", "::1"} {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		switch {
		case err == nil:
			listeners = append(listeners, listener)
		case errors.Is(err, syscall.EADDRINUSE):
			closeAll(listeners)
			return nil, fmt.Errorf("port %d is taken: end the program that uses it, or choose another port with -port", port)
		case host == "127.0.0.1":
			return nil, fmt.Errorf("listen on port %d: %w", port, err)
		}
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		_ = listener.Close()
	}
}

// stay shows the functions' log until ctx ends, or the emulator does.
func (l *local) stay(ctx context.Context) error {
	l.out.line("")
	l.out.line("The API is at " + l.out.bold(l.site+"/api/v0.1") + ", its reference at " + l.out.bold(l.site+"/api/v0.1/docs") + ".")
	l.out.line("State lives as long as this runs; Ctrl-C ends it.")
	l.out.line("The functions' log, from its first line:")
	l.receiver.announce()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-l.emulator.Done():
			cancel(fmt.Errorf("the AWS emulator ended by itself; its last lines:\n%s", l.emulator.LogTail()))
		case <-ctx.Done():
		}
	}()
	err := l.stack.Logs(ctx, l.out.log)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// showRecentLogs shows what the functions have logged so far: where a play that failed is explained.
func (l *local) showRecentLogs(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	l.out.end()
	l.out.line("The functions' log:")
	// One look takes a few milliseconds; the rest is for lines that are still on their way.
	ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	_ = l.stack.Logs(ctx, l.out.log) // the deadline
}
