// Command sam shows that AWS's own tools take template.yaml as it is. It fetches the SAM CLI, pinned, into .local/.
//
//	go run ./shared/cmd/sam local     validate, build, and invoke each function in a container, with its files of events/
//	go run ./shared/cmd/sam deploy    build, deploy, play one KYC, deploy again, delete, all in the AWS emulator
//
// Both need Go and Python 3.10 or newer; local needs Docker too. Neither needs an AWS account. Each check is a line; the
// first one that fails ends the run with its reason and status 1. Nothing is left running.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"kyc/shared/emulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := emulator.WithParent(ctx)
	defer cancel()
	plays := map[string]func(context.Context, *workshop) error{"local": playLocal, "deploy": playDeploy}
	if len(os.Args) != 2 || plays[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: sam local | sam deploy")
		os.Exit(2)
	}
	if err := run(ctx, plays[os.Args[1]]); err != nil {
		fmt.Fprintln(os.Stderr, "sam: "+err.Error())
		os.Exit(1)
	}
}

// run prepares what both plays need, plays, and has undone all of it when it returns.
func run(ctx context.Context, play func(context.Context, *workshop) error) (err error) {
	w := &workshop{out: os.Stdout}
	defer func() {
		if ctx.Err() != nil {
			err = fmt.Errorf("interrupted")
		}
		for _, undo := range slices.Backward(w.undo) {
			if failed := undo(); failed != nil && err == nil {
				err = failed
			}
		}
		if err == nil {
			w.say("all well; nothing is left running")
		}
	}()
	if w.root, err = emulator.Root(); err != nil {
		return err
	}
	// One at a time: both build into .aws-sam, where the SAM CLI wants it.
	unlock, err := emulator.Lock(ctx, filepath.Join(w.root, ".local", "sam-run.lock"), func() { w.say("waiting for another run in this checkout") })
	if err != nil {
		return fmt.Errorf("lock the checkout: %w", err)
	}
	w.later(func() error { unlock(); return nil })
	if w.temporary, err = os.MkdirTemp("", "kyc-sam-"); err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	w.later(func() error { return os.RemoveAll(w.temporary) })
	if err := samTool.Install(ctx, w.root, w.say); err != nil {
		return err
	}
	if err := emulator.Install(ctx, w.root, w.say); err != nil {
		return err
	}
	return play(ctx, w)
}

// workshop is what a run works with.
type workshop struct {
	out       io.Writer
	root      string // the checkout
	temporary string // a folder that goes with the run
	undo      []func() error
}

// later notes what must be undone at the end, last first.
func (w *workshop) later(undo func() error) { w.undo = append(w.undo, undo) }

func (w *workshop) say(text string) { fmt.Fprintln(w.out, text) }
