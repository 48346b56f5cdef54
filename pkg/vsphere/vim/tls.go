package vim

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/vim25/soap"
)

// TLS says how vCenter's certificate is verified. The zero value verifies it against the system's certificate
// authorities.
type TLS struct {
	// Insecure turns verification off.
	Insecure bool
	// CAFile holds certificate authorities in PEM form, to be trusted instead of the system's; several files are separated
	// as in $PATH. It is read again at each connection, so that it can come late, and be replaced while the controller runs.
	CAFile string
	// Thumbprint is the SHA-256 (or, as older vCenters show it, SHA-1) fingerprint of the one certificate that is
	// accepted, signed or not.
	Thumbprint string
}

// config returns the configuration of a connection.
func (t TLS) config() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure}
	if t.CAFile != "" {
		var err error
		if cfg.RootCAs, err = readAuthorities(t.CAFile); err != nil {
			return nil, err
		}
	}
	if t.Thumbprint != "" {
		cfg.InsecureSkipVerify = true // replaced by the comparison below
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return verifyThumbprint(t.Thumbprint, state) }
	}
	return cfg, nil
}

func readAuthorities(files string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, file := range filepath.SplitList(files) {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("-vcenter-ca-file or GOVC_TLS_CA_CERTS names %q, which cannot be read: %w", file, err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("-vcenter-ca-file or GOVC_TLS_CA_CERTS names %q, which holds no certificate in PEM form", file)
		}
	}
	return pool, nil
}

// errThumbprint means that vCenter has shown another certificate than the one that was asked for.
var errThumbprint = errors.New("vCenter's certificate has another thumbprint")

func verifyThumbprint(want string, state tls.ConnectionState) error {
	plain := func(s string) string { return strings.ToUpper(strings.ReplaceAll(s, ":", "")) }
	for _, cert := range state.PeerCertificates[:min(1, len(state.PeerCertificates))] {
		for _, have := range []string{soap.ThumbprintSHA256(cert), soap.ThumbprintSHA1(cert)} {
			if have != "" && plain(have) == plain(want) {
				return nil
			}
		}
	}
	return errThumbprint
}
