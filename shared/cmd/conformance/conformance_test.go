package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsMissingIsNamed(t *testing.T) {
	for program, want := range map[string]string{"mvn": "javac was not found: install a JDK", "javac": "mvn was not found: install Maven"} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, program), nil, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", folder)
		if _, err := install(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %s alone: %v, want %q", program, err, want)
		}
	}
}

func TestAnInstallationThatWasCutShortCountsForNothing(t *testing.T) {
	folder := t.TempDir()
	for program, text := range map[string]string{"javac": "", "mvn": "#!/bin/sh\necho no such artifact\nexit 1\n"} {
		if err := os.WriteFile(filepath.Join(folder, program), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
	root := t.TempDir()
	for range 2 {
		if _, err := install(t.Context(), root); err == nil || !strings.Contains(err.Error(), "no such artifact") {
			t.Errorf("got %v, want Maven's last words", err)
		}
	}
}
