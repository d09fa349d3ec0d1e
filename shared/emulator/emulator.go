// Package emulator installs and runs the AWS emulator that local stacks and end-to-end tests are deployed into:
// ministack, one Python process that speaks the APIs of DynamoDB, SQS, S3, KMS, Lambda, CloudFormation and more, and
// that runs Lambda functions as ordinary child processes. It needs neither Docker nor an AWS account.
//
// Everything it does stays on the loopback interface, in a private folder of the checkout (the installation) and in a
// temporary folder (its state). Nothing survives [Emulator.Close], nor the end of the program that called [Start].
package emulator

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// Region is where the emulator's resources are.
	Region = "us-east-1"
	// AccessKeyID and SecretAccessKey are the emulator's root credentials. With [Options.Auth] every other principal
	// may do only what its policies allow.
	AccessKeyID     = "test"
	SecretAccessKey = "test"
)

const (
	// It takes a third of a second on an idle machine, and many times that while packages are compiled beside it.
	startDeadline = 60 * time.Second
	// What the processes get between SIGTERM and SIGKILL. The state is thrown away, so there is little to finish.
	stopGrace = 2 * time.Second
	// Killed processes are gone at once unless the kernel holds them in a system call.
	killDeadline = 10 * time.Second
	pollInterval = 20 * time.Millisecond
	// A free port can be taken by somebody else between its choice and its use.
	portTries = 3
)

//go:embed launch.py
var launcher string

// Options say how to run an emulator. Only Root is required.
type Options struct {
	Root string    // the checkout, as [Root] finds it; [Install] must have succeeded there
	Port int       // on 127.0.0.1; 0 takes a free one
	Auth bool      // check signatures and evaluate IAM policies, as AWS does
	Log  io.Writer // gets the emulator's own log; nil: dropped
}

// Emulator is a running emulator. Its methods may be called from several goroutines.
type Emulator struct {
	port   int
	folder string // state, S3 objects, unpacked functions
	stdin  io.Closer
	pid    int           // also the id of the process group
	exited chan struct{} // closed when the process has been waited for
	log    *logTail
	closed chan struct{} // a token: taken by the Close that does the work
}

// PortTakenError says that the wanted port belongs to another program.
type PortTakenError struct{ Port int }

func (e *PortTakenError) Error() string {
	return fmt.Sprintf("port %d on 127.0.0.1 is taken: end the program that uses it, or choose another port", e.Port)
}

// Start runs an emulator and returns when it answers. It fails with a [*PortTakenError] if opts.Port is taken, and
// with the emulator's last log lines if it ends early. The caller must Close what it gets.
func Start(ctx context.Context, opts Options) (*Emulator, error) {
	if !ministack.installed(opts.Root) {
		return nil, errors.New("the emulator is not installed: call emulator.Install first")
	}
	for try := 1; ; try++ {
		port, err := freePort(opts.Port)
		if err != nil {
			return nil, err
		}
		e, err := start(ctx, opts, port)
		if err == nil {
			return e, nil
		}
		if _, taken := freePort(port); taken == nil || opts.Port != 0 || try == portTries {
			return nil, err
		}
	}
}

// Endpoint is the address of every AWS service of the emulator, without a slash at its end.
func (e *Emulator) Endpoint() string { return "http://127.0.0.1:" + strconv.Itoa(e.port) }

// Done is closed when the emulator has ended, by Close or by itself.
func (e *Emulator) Done() <-chan struct{} { return e.exited }

// LogTail returns the emulator's last log lines, for telling why it ended.
func (e *Emulator) LogTail() string { return e.log.String() }

// Close ends the emulator and every function that it runs, waits for them, and removes the emulator's state. Closing
// twice is allowed; the second call waits for the first.
func (e *Emulator) Close() error {
	_, first := <-e.closed
	if !first {
		return nil
	}
	defer close(e.closed)
	stopped := e.stop()
	_ = e.stdin.Close()
	// A function that was just starting may still have been writing.
	if err := os.RemoveAll(e.folder); err != nil {
		return errors.Join(stopped, fmt.Errorf("remove the emulator's state: %w", err))
	}
	return stopped
}

func start(ctx context.Context, opts Options, port int) (*Emulator, error) {
	folder, err := os.MkdirTemp("", "kyc-emulator-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the emulator's state: %w", err)
	}
	e := &Emulator{
		port: port, folder: folder, log: &logTail{next: opts.Log},
		exited: make(chan struct{}), closed: make(chan struct{}, 1),
	}
	if err := e.launch(opts); err != nil {
		return nil, errors.Join(fmt.Errorf("start the emulator: %w", err), os.RemoveAll(folder))
	}
	e.closed <- struct{}{}
	if err := e.waitReady(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// launch starts the process in a group of its own, so that a Ctrl-C in the terminal reaches only our program, which
// then ends the group in order.
func (e *Emulator) launch(opts Options) error {
	environment, err := e.environment(opts)
	if err != nil {
		return err
	}
	script := filepath.Join(e.folder, "launch.py")
	if err := os.WriteFile(script, []byte(launcher), 0o600); err != nil {
		return err
	}
	// The pipe is by hand: StdinPipe's would be closed by Wait.
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	cmd := exec.Command(ministack.Program(opts.Root, "python"), script, e.folder)
	cmd.Dir = e.folder
	cmd.Env = environment
	cmd.Stdin = in
	cmd.Stdout, cmd.Stderr = e.log, e.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A function that outlives the emulator holds its output open; Wait must not wait for it.
	cmd.WaitDelay = stopGrace
	if err := cmd.Start(); err != nil {
		return errors.Join(err, out.Close())
	}
	e.stdin, e.pid = out, cmd.Process.Pid
	go func() {
		_ = cmd.Wait() // how it ended is told by its log
		close(e.exited)
	}()
	return nil
}

// environment is all that the emulator and, through it, the functions see. Nothing of the caller's is handed on, least
// of all AWS credentials or endpoints.
func (e *Emulator) environment(opts Options) ([]string, error) {
	env := []string{
		"HOME=" + e.folder,
		"TMPDIR=" + e.folder,
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"LANG=C.UTF-8",
		"PYTHONDONTWRITEBYTECODE=1",
		"BIND_HOST=127.0.0.1",      // the emulator's default is every interface, and it runs what is uploaded
		"MINISTACK_HOST=127.0.0.1", // the host in queues' addresses
		"GATEWAY_PORT=" + strconv.Itoa(e.port),
		"AWS_ENDPOINT_URL=" + e.Endpoint(),
		"AWS_REGION=" + Region,
		"AWS_DEFAULT_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=" + AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED=true",
		"LAMBDA_EXECUTOR=local",
		"DOCKER_HOST=unix://" + filepath.Join(e.folder, "no-docker.sock"),
	}
	if opts.Auth {
		env = append(env, "AUTH=true")
	}
	for variable, name := range map[string]string{"S3_DATA_DIR": "s3", "STATE_DIR": "state"} {
		folder := filepath.Join(e.folder, name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			return nil, err
		}
		env = append(env, variable+"="+folder)
	}
	return env, nil
}

// waitReady polls the emulator's health address.
func (e *Emulator) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if e.healthy(ctx) {
			return nil
		}
		select {
		case <-tick.C:
		case <-e.exited:
			return fmt.Errorf("the emulator ended while it started; its last lines:\n%s", e.log)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("the emulator did not answer within %v; its last lines:\n%s", startDeadline, e.log)
			}
			return fmt.Errorf("start the emulator: %w", ctx.Err())
		}
	}
}

func (e *Emulator) healthy(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Endpoint()+"/_ministack/health", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// stop ends the process group: asks, then kills. It returns when no process of the group is left.
func (e *Emulator) stop() error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, stopGrace}, {syscall.SIGKILL, killDeadline}} {
		// ESRCH: nobody is left. Anything else shows below.
		_ = syscall.Kill(-e.pid, step.signal)
		if e.gone(step.wait) {
			return nil
		}
	}
	return fmt.Errorf("processes of the emulator (group %d) are still there %v after they were killed", e.pid, killDeadline)
}

// gone waits until the emulator has been waited for and its group is empty.
func (e *Emulator) gone(limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case <-e.exited:
	case <-ctx.Done():
		return false
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if !groupAlive(e.pid) {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// freePort returns the port if it is free, or any free port for 0.
func freePort(port int) (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return 0, &PortTakenError{Port: port}
	}
	if err != nil {
		return 0, fmt.Errorf("listen on a port of 127.0.0.1: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// Root finds the checkout: the folder with go.mod at or above the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod at or above %s: run this inside the checkout", strings.TrimSpace(dir))
		}
	}
}
