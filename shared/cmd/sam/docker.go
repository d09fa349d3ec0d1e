package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kyc/shared/emulator"
)

const (
	// dockerDeadline is for a daemon that we start ourselves; it takes a second or two.
	dockerDeadline = 60 * time.Second
	// pullDeadline is for AWS's base image, about 50 MB.
	pullDeadline = 3 * time.Minute
	// ownImage stands in for AWS's base image. The SAM CLI derives the tag that it runs from any tag that it is given.
	ownImage = "kyc-sam-local"
)

// docker is the engine that the SAM CLI runs functions in, with a network of our own: by it our containers are told from
// those of others, and the host has an address on it that nobody else can reach.
type docker struct {
	w       *workshop
	host    []string // DOCKER_HOST, if it is not the default
	network string
	own     bool   // the image is ours
	listen  string // the host's address for servers that containers call
	seenAs  string // what containers call it
}

// openDocker finds Docker, or starts it, and prepares network and image. All of it is undone at the end.
func openDocker(ctx context.Context, w *workshop) (*docker, error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return nil, errors.New("docker was not found, and the SAM CLI runs functions in it: install Docker and start it")
	}
	d := &docker{w: w, network: "kyc-sam-" + filepath.Base(w.temporary)}
	if _, err := d.do(ctx, "info"); err != nil {
		if err := d.startDaemon(ctx); err != nil {
			return nil, err
		}
	} else if host, err := d.do(ctx, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"); err == nil && host != "" {
		d.host = []string{"DOCKER_HOST=" + host} // the SAM CLI knows nothing of contexts
	}
	if _, err := d.do(ctx, "network", "create", d.network); err != nil {
		return nil, fmt.Errorf("make a Docker network: %w", err)
	}
	w.later(d.cleanUp)
	if err := d.address(ctx); err != nil {
		return nil, err
	}
	return d, d.prepareImage(ctx)
}

// samArguments are what each command of the SAM CLI that runs a container is given.
func (d *docker) samArguments() []string {
	arguments := []string{"--skip-pull-image", "--docker-network", d.network}
	if d.own {
		arguments = append(arguments, "--invoke-image", ownImage+":base")
	}
	return arguments
}

// do runs the docker command and returns what it prints.
func (d *docker) do(ctx context.Context, args ...string) (string, error) {
	out, err := output(ctx, command(ctx, cleanEnvironment(d.host...), d.w.root, "docker", args...))
	return strings.TrimSpace(string(out)), err
}

// startDaemon runs a Docker daemon for the time of this run, with its state in folders of ours. The bridge docker0 and the
// firewall's chains, which it makes, stay as they do after every dockerd.
func (d *docker) startDaemon(ctx context.Context) error {
	const advice = "no Docker daemon answers, and the SAM CLI runs functions in one: start Docker and try again"
	daemon, err := exec.LookPath("dockerd")
	if err != nil || os.Geteuid() != 0 {
		return errors.New(advice)
	}
	// Two daemons on one machine would give their networks the same addresses.
	unlock, err := emulator.Lock(ctx, filepath.Join(os.TempDir(), "kyc-dockerd.lock"), func() { d.w.say("waiting for another run's Docker daemon") })
	if err != nil {
		return fmt.Errorf("lock the Docker daemon: %w", err)
	}
	d.w.later(func() error { unlock(); return nil })
	d.w.say("starting a Docker daemon for this run")
	// Below .local/, because a temporary folder may be in memory, where layers can't be stacked.
	state, err := os.MkdirTemp(filepath.Join(d.w.root, ".local"), "docker-")
	if err != nil {
		return fmt.Errorf("make a folder for Docker: %w", err)
	}
	d.w.later(func() error { return os.RemoveAll(state) })
	// The socket's path must be short.
	d.host = []string{"DOCKER_HOST=unix://" + filepath.Join(d.w.temporary, "docker.sock")}
	running, err := start(command(context.WithoutCancel(ctx), cleanEnvironment(), d.w.root, daemon,
		"--data-root", state, "--exec-root", filepath.Join(d.w.temporary, "docker"), "--pidfile", filepath.Join(d.w.temporary, "docker.pid"),
		"--host", "unix://"+filepath.Join(d.w.temporary, "docker.sock"), "--log-level", "error"))
	if err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	d.w.later(running.Close)
	err = running.until(ctx, dockerDeadline, func(ctx context.Context) bool {
		_, err := d.do(ctx, "info")
		return err == nil
	})
	if err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	return nil
}

// address finds where containers can call servers of ours: at the host's address on our network, where Docker runs on
// this machine. Where it runs in a virtual machine, as on macOS, Docker hands on what is called by a special name to the
// loopback interface. Nothing is opened on any other interface.
func (d *docker) address(ctx context.Context) error {
	gateway, err := d.do(ctx, "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", d.network)
	if err != nil {
		return fmt.Errorf("find the address of the Docker network: %w", err)
	}
	d.listen, d.seenAs = gateway, gateway
	probe, err := net.Listen("tcp", net.JoinHostPort(gateway, "0"))
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		d.listen, d.seenAs = "127.0.0.1", "host.docker.internal"
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen on the Docker network: %w", err)
	}
	return probe.Close()
}

// open listens at an address that containers can call, and says what they call it.
func (d *docker) open() (listener net.Listener, seenAs string, err error) {
	listener, err = net.Listen("tcp", net.JoinHostPort(d.listen, "0"))
	if err != nil {
		return nil, "", fmt.Errorf("listen on the Docker network: %w", err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return listener, net.JoinHostPort(d.seenAs, port), nil
}

// forward hands on what containers send to a server on the loopback interface, until the end of the run, and returns the
// address that they send it to.
func (d *docker) forward(target string) (string, error) {
	listener, seenAs, err := d.open()
	if err != nil {
		return "", err
	}
	d.w.later(listener.Close)
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go pass(from, target)
		}
	}()
	return seenAs, nil
}

func pass(from net.Conn, target string) {
	to, err := net.Dial("tcp", target)
	if err != nil {
		_ = from.Close()
		return
	}
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[1], way[0])
			done <- struct{}{}
		}()
	}
	<-done
	_, _ = from.Close(), to.Close()
}

// prepareImage looks for AWS's base image, on this machine and then where it is published. Where it can't be had, a small
// image stands in: nothing but the runtime emulator that the SAM CLI brings along, which is the part that speaks with a
// function. It has not Amazon Linux's files; a Go program without C needs none of them.
func (d *docker) prepareImage(ctx context.Context) error {
	base := "public.ecr.aws/lambda/provided:al2023-" + architecture()
	if _, err := d.do(ctx, "image", "inspect", base); err == nil {
		return nil
	}
	d.w.say("pulling AWS's base image")
	limited, cancel := context.WithTimeout(ctx, pullDeadline)
	defer cancel()
	if _, err := d.do(limited, "pull", "--quiet", base); err == nil {
		return nil
	} else if ctx.Err() != nil {
		return ctx.Err()
	}
	d.w.say("it can't be pulled here; the SAM CLI's runtime emulator alone is the image")
	d.own = true
	archive, err := d.imageFiles()
	if err != nil {
		return fmt.Errorf("make an image: %w", err)
	}
	cmd := command(ctx, cleanEnvironment(d.host...), d.w.root, "docker", "import", "-", ownImage+":rapid-"+architecture())
	cmd.Stdin = archive
	if _, err := output(ctx, cmd); err != nil {
		return fmt.Errorf("make an image: %w", err)
	}
	return nil
}

// imageFiles are the runtime emulator, where the SAM CLI wants it, the certificates that it brings along, and the folders
// that a function may expect.
func (d *docker) imageFiles() (io.Reader, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, folder := range []struct {
		name string
		mode int64
	}{{"var/rapid/", 0o755}, {"var/task/", 0o755}, {"opt/", 0o755}, {"tmp/", 0o1777}} {
		if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder.name, Mode: folder.mode}); err != nil {
			return nil, err
		}
	}
	for _, file := range []struct {
		source, name string
		mode         int64
	}{
		{"samcli/local/rapid/aws-lambda-rie-" + architecture(), "var/rapid/aws-lambda-rie", 0o755},
		{"certifi/cacert.pem", "etc/ssl/certs/ca-certificates.crt", 0o644},
	} {
		source, err := d.w.samFile(file.source)
		if err != nil {
			return nil, err
		}
		content, err := os.ReadFile(source)
		if err != nil {
			return nil, err
		}
		if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: file.name, Mode: file.mode, Size: int64(len(content))}); err != nil {
			return nil, err
		}
		if _, err := writer.Write(content); err != nil {
			return nil, err
		}
	}
	return &archive, writer.Close()
}

// cleanUp removes our containers, image and network. The SAM CLI removes its containers itself, unless it was killed.
func (d *docker) cleanUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), dockerDeadline)
	defer cancel()
	left, err := d.do(ctx, "ps", "--all", "--quiet", "--filter", "network="+d.network, "--filter", "label=sam.cli.container.type=lambda")
	if err == nil && left != "" {
		_, err = d.do(ctx, append([]string{"rm", "--force"}, strings.Fields(left)...)...)
	}
	if d.own && err == nil {
		_, err = d.do(ctx, "image", "rm", "--force", ownImage+":rapid-"+architecture())
	}
	if err == nil {
		_, err = d.do(ctx, "network", "rm", d.network)
	}
	if err != nil {
		return fmt.Errorf("remove what is left in Docker: %w", err)
	}
	return nil
}
