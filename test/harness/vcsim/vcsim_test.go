package vcsim_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

func TestMissingBinary(t *testing.T) {
	_, err := vcsim.Start(t.Context(), vcsim.Options{Binary: filepath.Join(t.TempDir(), "vcsim")})
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Fatalf("error %v does not say what to do", err)
	}
}

func TestStartStop(t *testing.T) {
	p, err := vcsim.Start(t.Context(), vcsim.Options{Templates: []string{"one", "two"}, Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() }) // for a test that fails before it looks at the error
	vms, err := p.Control.VMs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(vms) != 2 || !vms[0].Template || vms[1].Name != "two" {
		t.Errorf("templates: %+v", vms)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(p.CAFile); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", p.CAFile, err)
	}
}
