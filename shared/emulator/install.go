package emulator

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed requirements.txt
var requirements string

// pythons are tried in this order: macOS, for one, has a python3 that is too old beside newer ones.
var pythons = []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"}

// Tool is a Python program that a developer's command needs, in a virtual environment of its own in .local/ of the
// checkout.
type Tool struct {
	Folder       string // below .local/
	What         string // what it is called in sentences: the AWS emulator
	Takes        string // how long its installation takes: about 20 seconds
	Requirements string // what pip is given, in the form of a requirements file, pinned
}

var ministack = Tool{Folder: "ministack", What: "the AWS emulator", Takes: "about 20 seconds", Requirements: requirements}

// Install puts the pinned emulator into .local/ministack of the checkout, as [Tool.Install] does.
func Install(ctx context.Context, root string, progress func(string)) error {
	return ministack.Install(ctx, root, progress)
}

// Install puts the tool into its folder, with pip, unless it is there already. It may be called by several programs at
// once: one works, the others wait. An installation that was cut short, or that is of other versions, is replaced.
// progress is told what takes long; nil is allowed. Errors are single sentences that say what to do.
func (t Tool) Install(ctx context.Context, root string, progress func(string)) error {
	if t.installed(root) {
		return nil
	}
	if progress == nil {
		progress = func(string) {}
	}
	unlock, err := Lock(ctx, t.folder(root)+".lock", func() {
		progress("waiting for another installation of " + t.What)
	})
	if err != nil {
		return fmt.Errorf("lock the folder of %s: %w", t.What, err)
	}
	defer unlock()
	if t.installed(root) {
		return nil
	}
	return t.install(ctx, root, progress)
}

// Program is the path of one of the tool's programs.
func (t Tool) Program(root, name string) string { return filepath.Join(t.folder(root), "bin", name) }

func (t Tool) install(ctx context.Context, root string, progress func(string)) error {
	interpreter, err := findPython(ctx)
	if err != nil {
		return err
	}
	folder := t.folder(root)
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("remove the old installation of %s: %w", t.What, err)
	}
	progress("installing " + t.What + " with pip (once, " + t.Takes + ")")
	// -I: a PYTHONPATH would make pip believe that packages are there which the tool then can't see.
	if out, err := exec.CommandContext(ctx, interpreter, "-I", "-m", "venv", folder).CombinedOutput(); err != nil {
		return t.explain(ctx, fmt.Sprintf("%s could not make a virtual environment in %s", interpreter, folder), out, err)
	}
	list := filepath.Join(folder, "requirements.txt")
	if err := os.WriteFile(list, []byte(t.Requirements), 0o644); err != nil {
		return fmt.Errorf("write the list of packages: %w", err)
	}
	pip := exec.CommandContext(ctx, t.Program(root, "python"), "-I", "-m", "pip", "install",
		"--quiet", "--no-input", "--disable-pip-version-check", "--requirement", list)
	if out, err := pip.CombinedOutput(); err != nil {
		return t.explain(ctx, "pip could not install "+t.What+" (is the network there?)", out, err)
	}
	// Last: without it all of the above counts for nothing.
	if err := os.WriteFile(t.marker(root), []byte(t.Requirements), 0o644); err != nil {
		return fmt.Errorf("note that %s is installed: %w", t.What, err)
	}
	return nil
}

// installed reports whether the tool is there, whole and of the pinned versions. The interpreter is looked at too: an
// upgrade of Python leaves virtual environments behind that point to nothing.
func (t Tool) installed(root string) bool {
	have, err := os.ReadFile(t.marker(root))
	if err != nil || string(have) != t.Requirements {
		return false
	}
	_, err = os.Stat(t.Program(root, "python"))
	return err == nil
}

func (t Tool) folder(root string) string { return filepath.Join(root, ".local", t.Folder) }
func (t Tool) marker(root string) string { return filepath.Join(t.folder(root), "installed") }

// findPython returns the first interpreter that is new enough and can make virtual environments. The error is about
// the first that was found, which is the one that the reader knows as python3.
func findPython(ctx context.Context) (string, error) {
	var first error
	for _, name := range pythons {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if err = checkPython(ctx, path); err == nil {
			return path, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = errors.New("python3 was not found: install Python 3.10 or newer and put it on the PATH")
	}
	return "", first
}

// checkPython's exit statuses are its own, above those that Python gives.
func checkPython(ctx context.Context, path string) error {
	const script = `
import sys
print("%d.%d.%d" % sys.version_info[:3])
if sys.version_info < (3, 10):
    sys.exit(100)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(101)
`
	out, err := exec.CommandContext(ctx, path, "-I", "-c", script).Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fmt.Errorf("%s could not be run: install Python 3.10 or newer: %w", path, err)
	case exit.ExitCode() == 100:
		return fmt.Errorf("%s is Python %s: install Python 3.10 or newer", path, strings.TrimSpace(string(out)))
	case exit.ExitCode() == 101:
		return fmt.Errorf("%s has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)", path)
	}
	return fmt.Errorf("%s does not work (%w): install Python 3.10 or newer", path, err)
}

// explain makes one sentence of a failed command and the last line that it said.
func (t Tool) explain(ctx context.Context, what string, output []byte, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("install %s: %w", t.What, ctx.Err())
	}
	last := ""
	for lines := bufio.NewScanner(strings.NewReader(string(output))); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			last = line
		}
	}
	if last == "" {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %s", what, last)
}
