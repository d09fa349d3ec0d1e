// Command local runs the whole product on this machine: it deploys template.yaml into an AWS emulator, answers at
// http://localhost:8080/api/v0.1, plays one KYC on the terminal and then shows what the functions log, until Ctrl-C.
//
//	go run ./shared/cmd/local [-port 8080] [-once]
//
// It needs Go and Python 3.10 or newer, and neither Docker nor an AWS account. Its state lives as long as it runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"kyc/shared/emulator"
)

func main() {
	port := flag.Int("port", 8080, "port of the API on localhost")
	once := flag.Bool("once", false, "end after one verified webhook, for scripts")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Runs the product on this machine and plays one KYC. Usage: local [-port 8080] [-once]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := emulator.WithParent(ctx)
	defer cancel()
	out := newTerminal(os.Stdout)
	if err := run(ctx, out, *port, *once); err != nil {
		fmt.Fprintln(os.Stderr, "local: "+err.Error())
		os.Exit(1)
	}
	out.line("ended; nothing is left running")
}

// run does everything, and has undone it when it returns. Being asked to end is no failure, unless what was to be shown
// once has not been.
func run(ctx context.Context, out *terminal, port int, once bool) error {
	l := &local{out: out, site: "http://localhost:" + strconv.Itoa(port)}
	err := l.show(ctx, port, once)
	switch {
	case ctx.Err() != nil && once:
		err = errors.New("interrupted before the webhook was verified")
	case ctx.Err() != nil:
		err = nil // whatever was cut short
	}
	out.end()
	return errors.Join(err, l.close())
}

// show is what there is to see, up to its end or ctx's.
func (l *local) show(ctx context.Context, port int, once bool) error {
	if err := l.start(ctx, port); err != nil {
		return err
	}
	if err := l.play(ctx); err != nil {
		l.showRecentLogs(ctx)
		return err
	}
	if once {
		return nil
	}
	return l.stay(ctx)
}

// closers run in the reverse order of their making.
type closers []io.Closer

func (c closers) Close() error {
	var err error
	for i := len(c) - 1; i >= 0; i-- {
		err = errors.Join(err, c[i].Close())
	}
	return err
}

// closeFunc makes a closer of a function.
type closeFunc func() error

func (f closeFunc) Close() error { return f() }
