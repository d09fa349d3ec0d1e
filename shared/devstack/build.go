package devstack

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"kyc/shared/emulator"
)

// MaxZip is what a function's zip may take, in bytes: 3.7 MiB. A cold start loads and unpacks all of it.
const MaxZip = 3_879_731

// maxZips are the functions that may take more, in bytes: the inspector decodes images and reads PDFs, which takes 0.6 MiB,
// and nobody waits for its cold start; simulate, which a live stage has not, does what the verifier and the timers do.
var maxZips = map[string]int{"inspector": 5 << 20, "simulate": 4 << 20}

// BuildError is the compiler's word on code that does not build.
type BuildError struct{ Output string }

func (e *BuildError) Error() string { return "the functions do not compile:\n" + e.Output }

// build compiles the functions for this machine, side by side, and returns each one's zip by its logical id. What has
// not changed since the last build is neither linked nor packed again.
func (s *Stack) build(ctx context.Context, functions []string) (map[string][]byte, error) {
	folder := filepath.Join(s.opts.Root, ".local", "build")
	// Test packages deploy at the same time from one checkout.
	unlock, err := emulator.Lock(ctx, filepath.Join(s.opts.Root, ".local", "build.lock"), func() {
		s.progress("waiting for another build")
	})
	if err != nil {
		return nil, fmt.Errorf("lock the build folder: %w", err)
	}
	defer unlock()
	if err := noteSources(s.opts.Root); err != nil {
		return nil, fmt.Errorf("look at the sources: %w", err)
	}
	if err := s.compile(ctx, functions, folder); err != nil {
		return nil, err
	}
	zips := make([][]byte, len(functions))
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for i, function := range functions {
		group.Go(func() error {
			zipped, err := pack(filepath.Join(folder, Folder(function)))
			zips[i] = zipped
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	byID := map[string][]byte{}
	for i, function := range functions {
		byID[function] = zips[i]
	}
	return byID, nil
}

// compile builds all functions in one run of the Go tool, which spreads its work over the processors. The flags are
// those of the Makefile's build targets, but for -buildid=: by the build id the Go tool sees which binaries are as they
// would come out, and linking is most of the work.
func (s *Stack) compile(ctx context.Context, functions []string, folder string) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", folder + string(filepath.Separator)}
	for _, function := range functions {
		source := filepath.Join("functions", Folder(function))
		if _, err := os.Stat(filepath.Join(s.opts.Root, source)); err != nil {
			return fmt.Errorf("the template has a %s, but there is no folder %s", function, source)
		}
		args = append(args, "./"+filepath.ToSlash(source))
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the build folder: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = s.opts.Root
	cmd.Env = buildEnvironment(os.Environ())
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("build the functions: %w", ctx.Err())
	case errors.As(err, &exit):
		return &BuildError{Output: strings.TrimSpace(output.String())}
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("go was not found, and it builds the functions: install Go and put it on the PATH")
	}
	return fmt.Errorf("build the functions: %w", err)
}

// noteSources looks at every file that a function is made of. `go test` keeps the result of a test that passed until a
// file changes that the test has looked at itself; what the compiler reads on its behalf does not count.
func noteSources(root string) error {
	for _, folder := range []string{"functions", "shared", "go.mod", "go.sum"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && !strings.HasSuffix(path, "_test.go") {
				_, err = os.Stat(path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil // gone while we looked; the compiler decides what that means
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// buildEnvironment keeps what the caller has set up for Go, but for the target: the emulator runs the functions on
// this machine.
func buildEnvironment(environ []string) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "GOOS" || name == "GOARCH" || name == "CGO_ENABLED"
	})
	return append(env, "CGO_ENABLED=0")
}

// pack returns the zip of a compiled function, from the file beside it if that is newer than the binary.
func pack(binary string) ([]byte, error) {
	kept := binary + ".zip"
	zipped, err := readNewer(kept, binary)
	if err != nil {
		if zipped, err = zipBootstrap(binary); err != nil {
			return nil, fmt.Errorf("zip %s: %w", filepath.Base(binary), err)
		}
		if err := writeWhole(kept, zipped); err != nil {
			return nil, fmt.Errorf("keep the zip of %s: %w", filepath.Base(binary), err)
		}
	}
	if limit := cmp.Or(maxZips[filepath.Base(binary)], MaxZip); len(zipped) > limit {
		return nil, fmt.Errorf("the zip of %s has %d bytes, more than the %d that it may have", filepath.Base(binary), len(zipped), limit)
	}
	return zipped, nil
}

// readNewer reads a file if it was written after the other one.
func readNewer(path, than string) ([]byte, error) {
	made, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	source, err := os.Stat(than)
	if err != nil {
		return nil, err
	}
	if !made.ModTime().After(source.ModTime()) {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(path)
}

// writeWhole leaves either the old file or the new one, never a part.
func writeWhole(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// zipBootstrap makes the zip that Lambda wants of a custom runtime: one executable file named bootstrap. The same
// binary always gives the same bytes, so no time is noted.
func zipBootstrap(binary string) ([]byte, error) {
	source, err := os.Open(binary)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(entry, source); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
