package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"kyc/shared/emulator"
)

//go:embed requirements.txt
var requirements string

var samTool = emulator.Tool{Folder: "sam", What: "AWS's SAM CLI", Takes: "about a minute", Requirements: requirements}

// architecture is this machine's, as the template's parameter and the image tags write it.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// samEnvironment is what the SAM CLI sees. It sends no usage data, asks no metadata service, reads no settings of the
// user's, and keeps its own notes with the run. Functions are built for this machine.
func (w *workshop) samEnvironment(more ...string) []string {
	return cleanEnvironment(append([]string{
		"SAM_CLI_TELEMETRY=0", "SAM_CLI_CHECK_NEWER_VERSION=0", "__SAM_CLI_APP_DIR=" + w.temporary,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_REGION=" + emulator.Region, "AWS_DEFAULT_REGION=" + emulator.Region, "LAMBDA_GOARCH=" + runtime.GOARCH,
	}, more...)...)
}

func (w *workshop) sam(ctx context.Context, environment []string, args ...string) *exec.Cmd {
	return command(ctx, environment, w.root, samTool.Program(w.root, "sam"), args...)
}

// samFile finds a file of the SAM CLI's own installation.
func (w *workshop) samFile(pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(w.root, ".local", samTool.Folder, "lib", "python3*", "site-packages", filepath.FromSlash(pattern)))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("the SAM CLI's installation has no %s: remove .local/%s and try again", pattern, samTool.Folder)
	}
	return found[0], nil
}

// lockedBuffer is written to by a process and read by us.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
