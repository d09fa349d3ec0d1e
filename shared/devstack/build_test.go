package devstack

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestZipHoldsOneExecutableBootstrapAndNoTime(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "admin")
	write(t, binary, "the program")
	first, err := zipBootstrap(binary)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.File) != 1 || archive.File[0].Name != "bootstrap" || archive.File[0].Mode() != 0o755 {
		t.Errorf("the zip holds %v, want one bootstrap that may be run", archive.File)
	}
	second, err := zipBootstrap(binary)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the same program gave two different zips")
	}
}

func TestPackReadsAChangedProgramAgain(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "admin")
	write(t, binary, "first")
	if _, err := pack(binary); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	write(t, binary+".zip", "kept")
	age(t, binary+".zip", info.ModTime().Add(time.Second))
	kept, err := pack(binary)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != "kept" {
		t.Error("a zip newer than its program was not used")
	}
	// As old as its program, it may be of the one before.
	age(t, binary+".zip", info.ModTime())
	again, err := pack(binary)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) == "kept" {
		t.Error("a zip no newer than its program was used")
	}
}

func TestPackNamesAFunctionThatIsTooBig(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "start-kyc")
	noise := make([]byte, MaxZip+1) // can't be compressed
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	write(t, binary, string(noise))
	_, err := pack(binary)
	if err == nil || !strings.Contains(err.Error(), "start-kyc") {
		t.Errorf("got %v, want an error that names start-kyc", err)
	}
}

func TestCodeThatDoesNotCompileShowsTheCompilersWords(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "module broken\n\ngo 1.26\n")
	write(t, filepath.Join(root, "functions", "admin", "main.go"), "package main\n\nfunc main() { undefinedName() }\n")
	s := &Stack{opts: Options{Root: root}}
	_, err := s.build(t.Context(), []string{"AdminFunction"})
	var broken *BuildError
	if !errors.As(err, &broken) || !strings.Contains(broken.Output, "undefinedName") {
		t.Errorf("got %v, want a BuildError with the compiler's words", err)
	}
}

func TestAFunctionWithoutFolderIsNamed(t *testing.T) {
	s := &Stack{opts: Options{Root: t.TempDir()}}
	err := s.compile(t.Context(), []string{"LostAndFoundFunction"}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "LostAndFoundFunction") || !strings.Contains(err.Error(), "lost-and-found") {
		t.Errorf("got %v, want an error that names the function and the folder", err)
	}
}

func TestTheTargetIsThisMachine(t *testing.T) {
	env := buildEnvironment([]string{"PATH=/bin", "GOOS=plan9", "GOARCH=arm", "CGO_ENABLED=1", "GOFLAGS=-v"})
	if want := []string{"PATH=/bin", "GOFLAGS=-v", "CGO_ENABLED=0"}; !slices.Equal(env, want) {
		t.Errorf("got %v, want %v", env, want)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func age(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}
