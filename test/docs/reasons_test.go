package docs

import (
	"fmt"
	"go/ast"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// reasonsThatStayInside are never shown, although their class would have it so.
var reasonsThatStayInside = map[string]string{
	"WriteForbidden": "a sync that the guard has refused writes no status: see silent in pkg/vspheresync",
}

// foreignWords are in docs/troubleshooting.md as reasons are, and are not ours.
var foreignWords = []string{"ContainerCreating"}

// TestReasons proves that whoever looks up a reason finds it, and finds nothing else: what the code can say, what the API
// declares, and what README.md and docs/troubleshooting.md tell are the same.
func TestReasons(t *testing.T) {
	api := reasonsOfAPI(t)
	said := reasonsSaid(t)
	troubleshooting := words(read(t, filepath.Join(harness.Root(), "docs", "troubleshooting.md")))
	declared := slices.Concat(api.progress, api.stalled, api.unreachable)
	for _, reason := range slices.Sorted(maps.Keys(said)) {
		if !slices.Contains(declared, reason) && !slices.Contains(api.others, reason) && reasonsThatStayInside[reason] == "" {
			t.Errorf("%s says %s, which pkg/apis/vsphere/v1alpha1/conditions.go does not declare", said[reason], reason)
		}
	}
	for _, reason := range declared {
		if said[reason] == "" {
			t.Errorf("nothing says %s, which pkg/apis/vsphere/v1alpha1/conditions.go declares", reason)
		}
		if !slices.Contains(troubleshooting, reason) {
			t.Errorf("docs/troubleshooting.md does not tell of %s", reason)
		}
	}
	for _, word := range troubleshooting {
		if !slices.Contains(slices.Concat(declared, api.others, foreignWords), word) {
			t.Errorf("docs/troubleshooting.md tells of %s, which nothing says", word)
		}
	}
	tables := []struct {
		heading       string
		want, allowed []string
	}{
		{"| reason of `Stalled` |", api.stalled, api.stalled},
		{"| reason of `VCenterReachable` False |", api.unreachable, slices.Concat(api.unreachable, api.stalled)},
	}
	for _, table := range tables {
		told := words(firstColumn(t, read(t, filepath.Join(harness.Root(), "README.md")), table.heading))
		for _, reason := range table.want {
			// At rest there is nothing to look up.
			if !slices.Contains(told, reason) && reason != "VCenterConnected" {
				t.Errorf("README.md, %s: %s is missing", table.heading, reason)
			}
		}
		for _, word := range told {
			if !slices.Contains(table.allowed, word) {
				t.Errorf("README.md, %s: nothing says %s there", table.heading, word)
			}
		}
	}
}

var word = regexp.MustCompile("`([A-Z][A-Za-z]*[a-z][A-Za-z]*)`")

// words returns what a text has between backticks and in camel case.
func words(text string) []string {
	var out []string
	for _, match := range word.FindAllStringSubmatch(text, -1) {
		out = append(out, match[1])
	}
	return out
}

// firstColumn returns the first column of the table with that heading, one cell a line.
func firstColumn(t *testing.T, text, heading string) string {
	t.Helper()
	_, table, found := strings.Cut(text, heading)
	if !found {
		t.Fatalf("there is no table %q", heading)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var cells []string
	for _, row := range strings.Split(table, "\n")[1:] {
		cells = append(cells, strings.Split(row, "|")[1])
	}
	return strings.Join(cells, "\n")
}

// apiReasons are the reasons that the API declares, by the blocks that they are declared in, and its other words.
type apiReasons struct{ progress, stalled, unreachable, others []string }

func reasonsOfAPI(t *testing.T) apiReasons {
	t.Helper()
	var api apiReasons
	p := parsePackage(t, filepath.Join(harness.Root(), "pkg", "apis", "vsphere", "v1alpha1"))
	for _, file := range p.files {
		for _, decl := range file.Decls {
			block, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			into := &api.others
			for start, list := range map[string]*[]string{
				"Reasons of a group that is at rest":   &api.progress,
				"Reasons of a group that waits for":    &api.stalled,
				"Reasons of the condition VCenterReac": &api.unreachable,
			} {
				if strings.HasPrefix(block.Doc.Text(), start) {
					into = list
				}
			}
			for _, name := range namesIn(block) {
				if strings.HasPrefix(name, "Reason") && into == &api.others {
					t.Errorf("%s is in none of the three blocks of reasons", name)
				}
				if value, ok := p.constants[name]; ok {
					*into = append(*into, value)
				}
			}
		}
	}
	if len(api.progress) == 0 || len(api.stalled) == 0 || len(api.unreachable) == 0 {
		t.Fatal("a block of reasons is empty, or its comment begins otherwise")
	}
	return api
}

// namesIn returns what a declaration declares.
func namesIn(block *ast.GenDecl) []string {
	var names []string
	for _, spec := range block.Specs {
		if values, ok := spec.(*ast.ValueSpec); ok {
			for _, name := range values.Names {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

// reasonsSaid returns each reason that people may be shown, with one place that says it.
func reasonsSaid(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join(harness.Root(), "pkg")
	imported := map[string]map[string]string{
		"v1alpha1": parsePackage(t, filepath.Join(root, "apis", "vsphere", "v1alpha1")).constants,
		"vsphere":  parsePackage(t, filepath.Join(root, "vsphere")).constants,
	}
	said := map[string]string{}
	err := filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		switch entry.Name() {
		case "apis", "generated", "fake", "contract": // declare reasons, or play vCenter
			return fs.SkipDir
		}
		p := parsePackage(t, dir)
		p.imported = imported
		for _, file := range p.files {
			(&reader{p: p, t: t, said: said}).read(file)
		}
		return nil
	})
	harness.Must(t, err)
	if len(said) == 0 {
		t.Fatal("no reasons are found in the code")
	}
	return said
}

// where says where in the repository a node is.
func (p *sourcePackage) where(n ast.Node) string {
	position := p.fset.Position(n.Pos())
	name, err := filepath.Rel(harness.Root(), position.Filename)
	if err != nil {
		name = position.Filename
	}
	return fmt.Sprintf("%s:%d", filepath.ToSlash(name), position.Line)
}
