package vim_test

import (
	"strings"
	"testing"

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
	if ok, _ := logins(t, sim); ok != 4 {
		t.Errorf("%d logins: none may be tried over a connection that is not trusted", ok)
	}
}

func TestCAFileThatCannotBeRead(t *testing.T) {
	cfg := vim.Config{Endpoint: "host", Owner: owner, Notifier: &notifier{}, TLS: vim.TLS{CAFile: "no-such-file"}}
	cfg.Credentials = func() (string, string, error) { return "", "", nil }
	if _, err := vim.New(cfg); err == nil {
		t.Error("accepted")
	}
}
