package webhook_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The programs of VERIFY.md are those that `make receivers` runs.
func TestVerifyShowsWhatIsRun(t *testing.T) {
	page, err := os.ReadFile("VERIFY.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown, run []string
	for n, block := range strings.Split(string(page), "\n```") {
		if language, program, _ := strings.Cut(block, "\n"); n%2 == 1 {
			shown = append(shown, language+"\n"+program+"\n")
		}
	}
	files, err := filepath.Glob("testdata/receivers/receiver*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		program, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		language := strings.Replace(strings.TrimPrefix(filepath.Ext(file), "."), "py", "python", 1)
		run = append(run, language+"\n"+string(program))
	}
	slices.Sort(shown)
	slices.Sort(run)
	if diff := cmp.Diff(run, shown); len(run) < 4 || diff != "" {
		t.Errorf("%d programs (-run +shown):\n%s", len(run), diff)
	}
}
