package emulator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// workingPython is a python3 that is new enough and that makes virtual environments whose pip notes that it was called.
const workingPython = `#!/bin/sh
case "$*" in
*"-m venv"*) for folder; do :; done; mkdir -p "$folder/bin"; cat >"$folder/bin/python" <<'END'
#!/bin/sh
echo "$@" >>"$(dirname "$0")/../../../pip.log"
END
chmod +x "$folder/bin/python" ;;
esac
`

func TestInstallSaysWhatIsMissing(t *testing.T) {
	for name, test := range map[string]struct{ python, want string }{
		"no Python":   {"", "python3 was not found: install Python 3.10 or newer and put it on the PATH"},
		"old Python":  {"#!/bin/sh\necho 3.9.6\nexit 100\n", "is Python 3.9.6: install Python 3.10 or newer"},
		"no venv":     {"#!/bin/sh\nexit 101\n", "has no venv module: install it"},
		"broken":      {"#!/bin/sh\nexit 7\n", "does not work (exit status 7)"},
		"pip fails":   {strings.Replace(workingPython, `echo "$@" >>"$(dirname "$0")/../../../pip.log"`, "echo first; echo no such package >&2; exit 1", 1), "pip could not install the AWS emulator (is the network there?): no such package"},
		"no way in":   {"#!/nowhere/sh\n", "could not be run: install Python 3.10 or newer"},
		"venv breaks": {"#!/bin/sh\ncase \"$*\" in *venv*/*) echo disk full; exit 1;; esac\n", "disk full"},
	} {
		t.Run(name, func(t *testing.T) {
			usePython(t, test.python)
			root := t.TempDir()
			err := Install(t.Context(), root, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			if ministack.installed(root) {
				t.Error("it counts as installed")
			}
		})
	}
}

func TestInstallTakesTheFirstPythonThatIsNewEnough(t *testing.T) {
	folder := usePython(t, "#!/bin/sh\necho 3.9.6\nexit 100\n")
	script(t, filepath.Join(folder, "python3.12"), workingPython)
	root := t.TempDir()
	if err := Install(t.Context(), root, nil); err != nil {
		t.Fatal(err)
	}
	if !ministack.installed(root) {
		t.Error("it does not count as installed")
	}
}

func TestInstallReplacesWhatIsNotWholeOrNotOfThePinnedVersions(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, root string){
		"cut short": func(t *testing.T, root string) { script(t, ministack.Program(root, "python"), "#!/bin/sh\n") },
		"other versions": func(t *testing.T, root string) {
			script(t, ministack.Program(root, "python"), "")
			script(t, ministack.marker(root), "ministack==1.0.0\n")
		},
		"interpreter gone": func(t *testing.T, root string) { script(t, ministack.marker(root), requirements) },
	} {
		t.Run(name, func(t *testing.T) {
			usePython(t, workingPython)
			root := t.TempDir()
			left := filepath.Join(ministack.folder(root), "lib", "left-over")
			script(t, left, "")
			prepare(t, root)
			if ministack.installed(root) {
				t.Fatal("it counts as installed")
			}
			if err := Install(t.Context(), root, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(left); !os.IsNotExist(err) {
				t.Errorf("the old installation is still there: %v", err)
			}
			if !ministack.installed(root) {
				t.Error("it does not count as installed")
			}
		})
	}
}

func TestManyInstallersInstallOnce(t *testing.T) {
	usePython(t, workingPython)
	root := t.TempDir()
	var group errgroup.Group
	for range 8 {
		group.Go(func() error { return Install(t.Context(), root, nil) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	calls, err := os.ReadFile(filepath.Join(root, "pip.log"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(calls), "\n"); lines != 1 {
		t.Errorf("pip was called %d times:\n%s", lines, calls)
	}
}

func TestALockHasOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "lock")
	first, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(path); err != ErrLocked {
		t.Errorf("a second holder got %v, want ErrLocked", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := TryLock(path)
	if err != nil {
		t.Fatalf("the lock was not given back: %v", err)
	}
	_ = second.Close()
}

// usePython makes a script the only python3 on the PATH, or none if it is empty, and returns its folder.
func usePython(t *testing.T, content string) string {
	t.Helper()
	folder := t.TempDir()
	for _, tool := range []string{"mkdir", "cat", "chmod", "dirname"} {
		for _, place := range []string{"/bin/", "/usr/bin/"} {
			if _, err := os.Stat(place + tool); err == nil {
				if err := os.Symlink(place+tool, filepath.Join(folder, tool)); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
	}
	if content != "" {
		script(t, filepath.Join(folder, "python3"), content)
	}
	t.Setenv("PATH", folder)
	return folder
}

func script(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
