package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestLateCertificateAuthority has the file with the CA come late, and wrong at first, as a Secret may: the controller waits
// for it, and the status says each time what is wrong.
func TestLateCertificateAuthority(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	file := filepath.Join(t.TempDir(), "ca.crt")
	w.Create(w.Group("web", 1))
	w.StartController("-vcenter-ca-file", file)
	said := func(parts ...string) {
		t.Helper()
		w.Meets("web", func(vg *v1alpha1.VmGroup) error {
			c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionVCenterReachable)
			if c == nil || c.Reason != v1alpha1.ReasonCertificateRejected {
				return fmt.Errorf("condition %+v", c)
			}
			for _, part := range append(parts, "-vcenter-ca-file") {
				if !strings.Contains(c.Message, part) {
					return fmt.Errorf("%q does not say %q", c.Message, part)
				}
			}
			return nil
		})
	}
	said(fmt.Sprintf("%q", file), "no such file")
	harness.Must(t, os.WriteFile(file, []byte("not yet\n"), 0o600))
	said(fmt.Sprintf("%q", file), "no certificate")
	ca, err := os.ReadFile(w.VCenter.CAFile)
	harness.Must(t, err)
	harness.Must(t, os.WriteFile(file, ca, 0o600))
	w.Ready("web", 1)
}
