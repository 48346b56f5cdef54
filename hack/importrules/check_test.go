package main

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestCheckImports(t *testing.T) {
	tests := []struct {
		from, to string
		want     bool
	}{
		{from: "", to: "pkg/app", want: true},
		{from: "", to: "pkg/vsphere/vim", want: false},
		{from: "pkg/app", to: "pkg/vsphere/vim", want: true},
		{from: "pkg/app", to: "github.com/vmware/govmomi/vim25", want: false},
		{from: "pkg/controller", to: "pkg/app", want: false},
		{from: "pkg/controller", to: "pkg/vsphere", want: true},
		{from: "pkg/controller", to: "pkg/vsphere/fake", want: false},
		{from: "pkg/controller", to: "pkg/plan", want: false},
		{from: "pkg/controller", to: "k8s.io/client-go/util/workqueue", want: true},
		{from: "pkg/plan", to: "context", want: false},
		{from: "pkg/plan", to: "slices", want: true},
		{from: "pkg/plan", to: "net", want: false},
		{from: "pkg/plan", to: "net/http", want: false},
		{from: "pkg/plan", to: "net/netip", want: true},
		{from: "pkg/plan", to: "k8s.io/klog/v2", want: false},
		{from: "pkg/plan", to: "k8s.io/client-go/kubernetes", want: false},
		{from: "pkg/vsphere", to: "pkg/apis/vsphere/v1alpha1", want: false},
		{from: "pkg/vsphere/vim", to: "github.com/vmware/govmomi", want: true},
		{from: "pkg/vsphere/vim", to: "pkg/vsphere/inventory", want: true},
		{from: "pkg/vsphere/inventory", to: "pkg/vsphere/vim", want: false},
		{from: "pkg/vsphere/inventory", to: "context", want: false},
		{from: "pkg/vsphere/inventory", to: "github.com/vmware/govmomi/vim25/types", want: false},
		{from: "pkg/vsphere/operations", to: "pkg/vsphere/inventory", want: false},
		{from: "pkg/vsphere/contract", to: "pkg/vsphere/fake", want: false},
		{from: "hack/vcsim", to: "github.com/vmware/govmomi/simulator", want: true},
		{from: "hack/demo", to: "github.com/vmware/govmomi/simulator", want: false},
		{from: "hack/demo", to: "pkg/app", want: false},
		{from: "test/integration", to: "pkg/app", want: true},
		{from: "pkg/util", to: "strings", want: false}, // a package that is in no room
	}
	for _, tc := range tests {
		t.Run(tc.from+" imports "+tc.to, func(t *testing.T) {
			p := pkg{ImportPath: qualified(tc.from), Imports: []string{qualified(tc.to)}}
			if breaches := checkImports(p); (len(breaches) == 0) != tc.want {
				t.Errorf("breaches %q, want allowed=%v", breaches, tc.want)
			}
		})
	}
}

func TestClockUses(t *testing.T) {
	tests := []struct {
		name, source string
		want         int
	}{
		{"plain", `package p; import "time"; var _ = time.Now()`, 1},
		{"by another name", `package p; import clock "time"; var _ = clock.Since`, 1},
		{"a duration is no clock", `package p; import "time"; var _ = time.Second`, 0},
		{"a method of the same name", `package p; import "time"; var t time.Time; var now = t.Sub`, 0},
		{"another package's Now", `package p; import "example.com/fake"; var _ = fake.Now()`, 0},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			file, err := parser.ParseFile(token.NewFileSet(), "p.go", tc.source, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(clockUses(file)); got != tc.want {
				t.Errorf("%d uses of the clock, want %d", got, tc.want)
			}
		})
	}
}

// qualified completes the path of a package of this module.
func qualified(path string) string {
	for _, top := range []string{"pkg/", "hack/", "test/"} {
		if strings.HasPrefix(path, top) {
			return module + "/" + path
		}
	}
	if path == "" {
		return module
	}
	return path
}
