package observability

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// Profiles are served on request alone: the port has no authentication.
func TestProfiling(t *testing.T) {
	const index, heap = "/debug/pprof/", "/debug/pprof/heap"
	w := newWorld(t, vcsim.Options{}, invariants.Options{})
	for _, tc := range []struct {
		name  string
		args  []string
		check func(code int, path, body string) error
	}{
		{"off by default", nil, func(code int, path, _ string) error {
			if code != http.StatusNotFound {
				return fmt.Errorf("%s answers %d, want 404", path, code)
			}
			return nil
		}},
		{"on", []string{"-profiling"}, func(code int, path, body string) error {
			const gzip = "\x1f\x8b" // the format of profiles
			switch {
			case code != http.StatusOK:
				return fmt.Errorf("%s answers %d", path, code)
			case path == index && !strings.Contains(body, "goroutine"):
				return errors.New("the index names no profile")
			case path == heap && !strings.HasPrefix(body, gzip):
				return errors.New("the heap profile is none")
			}
			return nil
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := w.StartController(append(tc.args, "-health-addr", "0")...)
			defer c.Stop()
			harness.Eventually(t, "metrics are served", func() error {
				_, err := c.MetricsText(t.Context())
				return err
			})
			for _, path := range []string{index, heap} {
				code, body, err := c.Get(t.Context(), path)
				harness.Must(t, err)
				if err := tc.check(code, path, body); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
