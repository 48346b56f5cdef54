package vim_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// before calls a function before requests, from the nth on; if that fails, the request is not sent.
type before struct {
	http.RoundTripper
	sent *atomic.Int64
	nth  int64
	many int64
	do   func() error
}

func (b *before) RoundTrip(r *http.Request) (*http.Response, error) {
	if n := b.sent.Add(1); n >= b.nth && n < b.nth+b.many {
		if err := b.do(); err != nil {
			return nil, err
		}
	}
	return b.RoundTripper.RoundTrip(r)
}

// intercept has do called before the nth request of all connections, and before those that follow it, as many as that. It
// returns the number of requests so far.
func intercept(cfg *vim.Config, nth, many int64, do func() error) *atomic.Int64 {
	sent := &atomic.Int64{}
	cfg.WrapTransport = func(next http.RoundTripper) http.RoundTripper { return &before{next, sent, nth, many, do} }
	return sent
}

// Whichever call fails on the way to being in step, for as often as it is repeated: nothing is said of any VM, the next
// connection makes up for it, with the same session, and nothing is left in vCenter in the end.
func TestAnyCallOfAConnectionMayFail(t *testing.T) {
	const outage = 5 // requests
	sim := startSimulator(t, vcsim.Options{
		Datacenters: []string{"EMEA/DC0"}, Templates: []string{"linux"}, TemplateFolder: "templates",
	})
	cfg := configFor(sim, &notifier{})
	cfg.TemplateFolder, cfg.ResourcePool, cfg.Host = "templates", "Resources", "DC0_C0_H0"
	v, stop := run(t, cfg)
	awaitSynced(t, v)
	vm := cloned(t, v, "web-0d1f2-0")
	stop()

	sent := intercept(&cfg, 0, 0, nil)
	v, stop = run(t, cfg)
	awaitSynced(t, v)
	calls := sent.Load()
	stop()
	if calls < 20 {
		t.Fatalf("a connection takes %d calls: are all of them seen?", calls)
	}
	for n := int64(1); n <= calls; n++ {
		clock := clocktesting.NewFakeClock(time.Now())
		cfg.Clock = clock
		intercept(&cfg, n, outage, func() error { return errors.New("no route to host") })
		v, stop := run(t, cfg)
		awaitReason(t, v, "VCenterUnreachable")
		if s, err := v.Snapshot(t.Context(), web, ""); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
			t.Errorf("call %d failed: snapshot %+v, %v", n, s, err)
		}
		await(t, "in step after all", func() bool { clock.Step(time.Second); return v.State().Synced })
		s, err := v.Snapshot(t.Context(), web, "")
		if err != nil || len(s.VMs) != 1 || s.VMs[0].Ref != vm.Ref || !s.RootExists {
			t.Errorf("call %d failed: snapshot %+v, %v", n, s, err)
		}
		stop()
	}
	if ok, refused := logins(t, sim); int64(ok) != calls+2 || refused != 0 {
		t.Errorf("%d logins and %d refused, want one for each of %d", ok, refused, calls+2)
	}
	if leaks, err := sim.Control.Leaks(t.Context()); err != nil || leaks != (control.Leaks{}) {
		t.Errorf("left: %+v, %v", leaks, err)
	}
}

// A root that is renamed while the views are made is not the one that is watched: until all is read anew, nobody is told
// that there is nothing in it.
func TestRootFolderRenamedWhileConnecting(t *testing.T) {
	sim, cfg, v, stop := started(t, nil)
	vm := cloned(t, v, "web-0d1f2-0")
	stop()
	var renamed atomic.Bool
	cfg.Observe = func(method string, _ time.Duration, _ error) {
		if method == "CreatePropertyCollector" && !renamed.Swap(true) { // the folders are read, and not watched yet
			if err := sim.Control.RenameFolder(t.Context(), "vmgroups", "other"); err != nil {
				t.Error(err)
			}
		}
	}
	next, _ := run(t, cfg)
	s := awaitSnapshot(t, next, "the first", func(vsphere.Snapshot) bool { return true })
	if s.RootExists || len(s.VMs) != 1 || s.VMs[0].Ref != vm.Ref {
		t.Errorf("root %t, VMs %+v", s.RootExists, s.VMs)
	}
}

func TestPlacesThatDoNotExist(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	for reason, change := range map[string]func(*vim.Config){
		"ClusterNotFound":      func(cfg *vim.Config) { cfg.Cluster = "nowhere" },
		"ResourcePoolNotFound": func(cfg *vim.Config) { cfg.ResourcePool = "nowhere" },
	} {
		cfg := configFor(sim, &notifier{})
		change(&cfg)
		v, stop := run(t, cfg)
		if err := awaitNoPlace(t, v, reason); err.Class != vsphere.ClassInvalid {
			t.Errorf("%s is of class %s", reason, err.Class)
		}
		stop()
	}
}

func TestCredentialsThatCannotBeRead(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	cfg := configFor(sim, &notifier{})
	var readable atomic.Bool
	read := cfg.Credentials
	cfg.Credentials = func() (string, string, error) {
		if !readable.Load() {
			return "", "", errors.New("no such file")
		}
		return read()
	}
	v, _ := run(t, cfg)
	awaitReason(t, v, "CredentialsUnreadable")
	if ok, refused := logins(t, sim); ok+refused != 0 {
		t.Errorf("%d logins were tried", ok+refused)
	}
	readable.Store(true)
	awaitSynced(t, v)
}

func TestCertificateAuthoritiesThatVanish(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	cfg := configFor(sim, &notifier{})
	pem, err := os.ReadFile(cfg.TLS.CAFile)
	must(t, err)
	cfg.TLS.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	write := func() { must(t, os.WriteFile(cfg.TLS.CAFile, pem, 0o600)) }
	write()
	v, err := vim.New(cfg)
	must(t, err)
	must(t, os.Remove(cfg.TLS.CAFile))
	runThis(t, v)
	awaitReason(t, v, "CertificateRejected")
	write()
	awaitSynced(t, v)
}
