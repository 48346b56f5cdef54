package docs

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// aTest is a test as a table names it: a package and a function of it.
var aTest = regexp.MustCompile("`((?:test|pkg|hack)/[a-z/0-9]+)\\.(Test[A-Za-z0-9]+)`")

// TestWhoMayDoWhat proves that each row of the table in docs/security.md names a test, and that there are such tests.
func TestWhoMayDoWhat(t *testing.T) {
	page := read(t, filepath.Join(harness.Root(), "docs", "security.md"))
	_, section, _ := strings.Cut(page, "\n## Who may do what\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := 0
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| who |") {
			continue
		}
		rows++
		tests := aTest.FindAllStringSubmatch(line, -1)
		if len(tests) == 0 {
			t.Errorf("this row names no test: %s", line)
		}
		for _, test := range tests {
			if !hasTest(t, test[1], test[2]) {
				t.Errorf("there is no test %s in %s: %s", test[2], test[1], line)
			}
		}
	}
	if rows < 10 {
		t.Errorf("the table has %d rows", rows)
	}
}

// hasTest reports whether a package has a test of a name.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(harness.Root(), filepath.FromSlash(dir), "*_test.go"))
	harness.Must(t, err)
	for _, file := range files {
		if strings.Contains(read(t, file), "\nfunc "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}
