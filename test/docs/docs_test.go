// Package docs checks what can be checked of the documentation without running it: test/e2e runs its commands.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	dropped = regexp.MustCompile("[^a-z0-9 _-]")
)

// TestLinks proves that every link within the repository leads somewhere.
func TestLinks(t *testing.T) {
	checked := 0
	for _, file := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(read(t, file), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			checked++
			path, anchor, _ := strings.Cut(match[1], "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to %s: %v", file, match[1], err)
			} else if anchor != "" && !slices.Contains(anchors(t, target), anchor) {
				t.Errorf("%s: link to %s: there is no such heading", file, match[1])
			}
		}
	}
	if checked == 0 {
		t.Error("there are no links")
	}
}

// pages returns the Markdown files at the top and in docs.
func pages(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(harness.Root(), "*.md"))
	harness.Must(t, err)
	err = filepath.WalkDir(filepath.Join(harness.Root(), "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	})
	harness.Must(t, err)
	return files
}

// anchors returns what the headings of a page are linked by.
func anchors(t *testing.T, file string) []string {
	t.Helper()
	var out []string
	for _, match := range heading.FindAllStringSubmatch(read(t, file), -1) {
		name := dropped.ReplaceAllString(strings.ToLower(match[1]), "")
		out = append(out, strings.ReplaceAll(name, " ", "-"))
	}
	return out
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	harness.Must(t, err)
	return string(text)
}
