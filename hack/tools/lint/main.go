// Command lint holds the rules of this repository that go vet does not know: calls that are forbidden, switches that have to
// decide every value, errors that are compared as values. Go vet runs it, and caches its result per package:
//
//	go vet -vettool=bin/lint ./...
package main

import (
	"fmt"
	"go/ast"
	"log"
	"regexp"
	"strings"

	"codeberg.org/polyfloyd/go-errorlint/errorlint"
	"github.com/ashanbrown/forbidigo/v2/pkg/analyzer"
	"github.com/nishanths/exhaustive/passes/exhaustive"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/unitchecker"
)

// forbidden are calls that are correct Go and wrong here, each with its reason.
var forbidden = []struct{ pattern, why string }{
	{`^context\.TODO$`, "the context is the caller's; pass it in"},
	{`^time\.Sleep$`, "a wait has a deadline and ends with its context; use a timer and a select"},
	{`^(fmt\.Print.*|print|println)$`, "log with klog.FromContext(ctx)"},
	{`^klog\.(Info|Warning|Error|Fatal|Exit).*$`, "log with klog.FromContext(ctx), which carries the key and the operation"},
	{`^vim25\.Retry$`, "it repeats a call whose answer was lost, and a clone that is sent twice may be two VMs"},
	{`^object\.Folder\.Destroy$`, "it deletes every VM below the folder, foreign ones included; use UnregisterAndDestroy"},
	{`^object\.Task\.Wait.*$`, "it makes a property collector per call and blocks a worker; tasks are watched through the ListView"},
}

// library matches the packages that the calls are forbidden in. Programs print and exit, and tests wait.
var library = regexp.MustCompile(`^github\.com/vmgroup/vmgroup-controller/pkg/`)

func main() {
	forbidigo, err := newForbidigo()
	if err != nil {
		log.Fatal(err)
	}
	// A default case decides too.
	if err := exhaustive.Analyzer.Flags.Set("d", "true"); err != nil {
		log.Fatal(err)
	}
	unitchecker.Main(forbidigo, exhaustive.Analyzer, errorlint.NewAnalyzer())
}

// newForbidigo returns forbidigo for the library's own files: neither generated ones nor tests.
func newForbidigo() (*analysis.Analyzer, error) {
	a := analyzer.NewAnalyzer()
	for _, f := range forbidden {
		if err := a.Flags.Set("p", fmt.Sprintf("{p: '%s', msg: %q}", f.pattern, f.why)); err != nil {
			return nil, err
		}
	}
	if err := a.Flags.Set("analyze_types", "true"); err != nil {
		return nil, err
	}
	run := a.Run
	a.Run = func(pass *analysis.Pass) (any, error) {
		own := *pass
		own.Files = nil
		for _, file := range pass.Files {
			name := pass.Fset.Position(file.Package).Filename
			if !strings.HasSuffix(name, "_test.go") && !strings.Contains(pass.Pkg.Path(), "/vsphere/contract") && !ast.IsGenerated(file) {
				own.Files = append(own.Files, file)
			}
		}
		if !library.MatchString(pass.Pkg.Path()) || len(own.Files) == 0 {
			return nil, nil
		}
		return run(&own)
	}
	return a, nil
}
