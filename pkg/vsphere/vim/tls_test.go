package vim_test

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

func TestCertificate(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	lower := strings.ToLower(strings.ReplaceAll(sim.Thumbprint, ":", ""))
	for _, tt := range []struct {
		name     string
		tls      vim.TLS
		accepted bool
	}{
		{"unknown authority", vim.TLS{}, false},
		{"authority from a file", vim.TLS{CAFile: sim.CAFile}, true},
		{"authorities from two files", vim.TLS{CAFile: sim.CAFile + string(filepath.ListSeparator) + sim.CAFile}, true},
		{"thumbprint", vim.TLS{Thumbprint: sim.Thumbprint}, true},
		{"thumbprint in another spelling", vim.TLS{Thumbprint: lower}, true},
		{"another thumbprint", vim.TLS{Thumbprint: strings.Repeat("00:", 31) + "00"}, false},
		{"another thumbprint, known authority", vim.TLS{CAFile: sim.CAFile, Thumbprint: strings.Repeat("0", 64)}, false},
		{"not verified", vim.TLS{Insecure: true}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configFor(sim, &notifier{})
			cfg.TLS = tt.tls
			v, stop := run(t, cfg)
			defer stop()
			if tt.accepted {
				awaitSynced(t, v)
				return
			}
			awaitReason(t, v, "CertificateRejected")
		})
	}
	if ok, _ := logins(t, sim); ok != 5 {
		t.Errorf("%d logins: none may be tried over a connection that is not trusted", ok)
	}
}

// A file with certificate authorities may come late, and be replaced: each connection reads it, and whatever is wrong with
// it is told anew, with its name.
func TestCAFileThatIsWrong(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	authorities, err := os.ReadFile(sim.CAFile)
	must(t, err)
	file := filepath.Join(t.TempDir(), "ca.crt")
	told := &notifier{}
	cfg := configFor(sim, told)
	clock := clocktesting.NewFakeClock(time.Now())
	cfg.Clock, cfg.TLS.CAFile = clock, file
	v, _ := run(t, cfg)
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	for i, step := range []struct {
		content string
		says    []string
	}{
		{"", []string{"GOVC_TLS_CA_CERTS", strconv.Quote(file), "no such file"}},
		{"no PEM at all", []string{"GOVC_TLS_CA_CERTS", strconv.Quote(file), "no certificate"}},
		{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})), []string{"not trusted"}},
	} {
		if step.content != "" {
			must(t, os.WriteFile(file, []byte(step.content), 0o600))
		}
		await(t, fmt.Sprint(step.says), func() bool {
			clock.Step(time.Second)
			err := v.State().Err
			holds := err != nil && err.Reason == "CertificateRejected"
			for _, part := range append(step.says, "-vcenter-ca-file") {
				holds = holds && strings.Contains(err.Message, part)
			}
			return holds
		})
		await(t, "everybody is told", func() bool { return told.all.Load() == int64(i+1) })
	}

	must(t, os.WriteFile(file, authorities, 0o600))
	await(t, "in step after all", func() bool { clock.Step(time.Second); return v.State().Synced })
	if ok, refused := logins(t, sim); ok != 1 || refused != 0 {
		t.Errorf("%d logins and %d refused, want 1 and 0", ok, refused)
	}
}
