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
	"UnknownKind":    "a kind of operation without a row in the table of kinds is a bug that tests find",
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
	declared := slices.Concat(api.progress, api.stalled, api.unreachable, api.upToDate, api.classes)
	for _, reason := range slices.Sorted(maps.Keys(said)) {
		if !slices.Contains(declared, reason) && !slices.Contains(api.others, reason) && reasonsThatStayInside[reason] == "" {
			t.Errorf("%s says %s, which %s does not declare", said[reason], reason, conditionsFile)
		}
	}
	for _, reason := range declared {
		if said[reason] == "" {
			t.Errorf("nothing says %s, which %s declares", reason, conditionsFile)
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

// The two files that declare reasons: those that a condition may show, and the others.
const (
	conditionsFile = "pkg/apis/vsphere/v1alpha1/conditions.go"
	errorsFile     = "pkg/vsphere/errors.go"
)

// TestReasonsAreDeclaredOnce proves that a reason is spelled in one place: outside of the API, the port's errors and the
// contract, no literal has its value. The keys of a map, such as the names of faults, are other words.
func TestReasonsAreDeclaredOnce(t *testing.T) {
	api := parsePackage(t, filepath.Join(harness.Root(), "pkg", "apis", "vsphere", "v1alpha1"))
	port := parsePackage(t, filepath.Join(harness.Root(), "pkg", "vsphere"))
	declared := map[string]string{}
	for _, p := range []*sourcePackage{api, port} {
		for name, value := range p.constants {
			if !strings.HasPrefix(name, "Reason") {
				continue
			}
			// The word may be in both, for an error that a condition shows and for one that it does not.
			if other, ok := declared[value]; ok && other != name {
				t.Errorf("%s and %s are both %q", name, other, value)
			}
			declared[value] = name
		}
	}
	eachPackage(t, []string{"apis", "generated", "contract"}, func(p *sourcePackage) {
		for _, file := range p.files {
			keys := map[ast.Node]bool{}
			ast.Inspect(file, func(n ast.Node) bool {
				if pair, ok := n.(*ast.KeyValueExpr); ok {
					keys[pair.Key] = true
				}
				lit, ok := n.(*ast.BasicLit)
				if !ok || keys[n] {
					return true
				}
				text, _ := literal(lit)
				if where := p.where(n); declared[text] != "" && !strings.HasPrefix(where, errorsFile+":") {
					t.Errorf("%s spells %q: use the constant %s", where, text, declared[text])
				}
				return true
			})
		}
	})
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
type apiReasons struct{ progress, stalled, unreachable, upToDate, classes, others []string }

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
				"Reasons of the condition UpToDate":    &api.upToDate,
				"Reasons of the condition Ready of a ": &api.classes,
			} {
				if strings.HasPrefix(block.Doc.Text(), start) {
					into = list
				}
			}
			for _, name := range namesIn(block) {
				if strings.HasPrefix(name, "Reason") && into == &api.others {
					t.Errorf("%s is in none of the blocks of reasons", name)
				}
				if value, ok := p.constants[name]; ok {
					*into = append(*into, value)
				}
			}
		}
	}
	if len(api.progress) == 0 || len(api.stalled) == 0 || len(api.unreachable) == 0 || len(api.upToDate) == 0 || len(api.classes) == 0 {
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
	// Those that are left out declare reasons, or play vCenter.
	eachPackage(t, []string{"apis", "generated", "fake", "contract"}, func(p *sourcePackage) {
		p.imported = imported
		for _, file := range p.files {
			(&reader{p: p, t: t, said: said}).read(file)
		}
	})
	if len(said) == 0 {
		t.Fatal("no reasons are found in the code")
	}
	return said
}

// eachPackage visits the packages below pkg, without the folders of the names that are left out.
func eachPackage(t *testing.T, leftOut []string, visit func(*sourcePackage)) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(filepath.Join(harness.Root(), "pkg"), func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if slices.Contains(leftOut, entry.Name()) {
			return fs.SkipDir
		}
		visit(parsePackage(t, dir))
		return nil
	}))
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
