package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"kyc/shared/emulator"
)

var (
	//go:embed pom.xml
	pom string
	//go:embed Loopback.java
	launcher string
)

// install fetches DynamoDB Local with Maven into .local/dynamodb-local, unless it is there, and returns that folder.
func install(ctx context.Context, root string) (string, error) {
	for program, advice := range map[string]string{
		"javac": "a JDK of version 17 or newer (on Debian and Ubuntu: apt install default-jdk-headless)",
		"mvn":   "Maven (on Debian and Ubuntu: apt install maven)",
	} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%s was not found: install %s and put it on the PATH", program, advice)
		}
	}
	folder := filepath.Join(root, ".local", "dynamodb-local")
	unlock, err := emulator.Lock(ctx, folder+".lock", func() { fmt.Println("waiting for another installation of DynamoDB Local") })
	if err != nil {
		return "", fmt.Errorf("lock the folder of DynamoDB Local: %w", err)
	}
	defer unlock()
	marker := filepath.Join(folder, "installed")
	if have, err := os.ReadFile(marker); err == nil && string(have) == pom {
		return folder, nil
	}
	fmt.Println("fetching DynamoDB Local with Maven (once, about 10 seconds)")
	list := filepath.Join(folder, "pom.xml")
	err = errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755))
	if err == nil {
		err = os.WriteFile(list, []byte(pom), 0o644)
	}
	if err != nil {
		return "", fmt.Errorf("prepare the folder of DynamoDB Local: %w", err)
	}
	mvn := group(ctx, "mvn", "--batch-mode", "--quiet", "--strict-checksums", "--file", list,
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+folder)
	if out, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("maven could not fetch DynamoDB Local (is the network there?): %w\n%s", err, out)
	}
	// Last: without it all of the above counts for nothing.
	return folder, os.WriteFile(marker, []byte(pom), 0o644)
}

// engine is a running DynamoDB Local.
type engine struct {
	endpoint string
	cmd      *exec.Cmd
	stdin    io.Closer
}

// start runs the engine and returns when it listens. Its tables live as long as it does.
func start(ctx context.Context, jars string) (*engine, error) {
	source := filepath.Join(jars, "Loopback.java")
	if err := os.WriteFile(source, []byte(launcher), 0o644); err != nil {
		return nil, fmt.Errorf("write the launcher of DynamoDB Local: %w", err)
	}
	cmd := group(ctx, "java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-Djava.library.path="+jars, "-cp", filepath.Join(jars, "*"), source)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	stdin, err1 := cmd.StdinPipe() // when we end, however we end, it closes, and the engine ends
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return nil, fmt.Errorf("start DynamoDB Local: %w", err)
	}
	e := &engine{cmd: cmd, stdin: stdin}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if port, ok := strings.CutPrefix(lines.Text(), "port "); ok {
			e.endpoint = "http://127.0.0.1:" + port
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return e, nil
		}
	}
	e.close()
	hint := ""
	if runtime.GOARCH != "amd64" {
		hint = " (its native libraries are for x86-64 alone)"
	}
	return nil, fmt.Errorf("DynamoDB Local ended while it started%s; it said:\n%s", hint, complaints.String())
}

// close ends the engine and waits for it. How it ended does not matter.
func (e *engine) close() {
	_ = e.stdin.Close()
	_ = e.cmd.Wait()
}
