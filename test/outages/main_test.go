// Package outages shows the controller views that are late, incomplete or wrong, and takes away from it what it depends
// on: the API server, vCenter, its Lease, its password. It runs the whole controller, by app.RunWith or as the binary that
// ships, between a real API server and the vCenter simulator; what is true is read from the simulator's own books.
//
// With -short, outages last seconds and tests that take minutes are left out.
package outages

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/app"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/apiproxy"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

var cluster *devcluster.Cluster

func TestMain(m *testing.M) {
	// These tests wait far more than they compute. The command line still has the last word.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	harness.Main(m, &cluster, devcluster.Options{}, harness.ApplyCRD)
}

// world is a World whose controllers reach the API server through a proxy.
type world struct {
	*harness.World
	checker *invariants.Checker
	api     *apiproxy.Proxy
}

// aLongTime is for how long the controller may not know what has changed in vCenter, where its view is held back.
const aLongTime = time.Minute

func newWorld(t *testing.T, o vcsim.Options) *world {
	t.Helper()
	return newObservedWorld(t, o, invariants.Options{})
}

// newObservedWorld is newWorld for controllers to which more is forgiven.
func newObservedWorld(t *testing.T, o vcsim.Options, forgiven invariants.Options) *world {
	t.Helper()
	t.Parallel()
	w := harness.NewWorld(t, cluster, o)
	forgiven.OutsideChange = aLongTime
	checker := invariants.Watch(w, forgiven)
	return &world{w, checker, apiproxy.Start(t, cluster.Kubeconfig())}
}

// start runs a controller behind the proxy.
func (w *world) start(args ...string) *harness.Controller {
	w.T.Helper()
	return w.startIn(app.Overrides{}, args...)
}

// startIn is start with overrides.
func (w *world) startIn(with app.Overrides, args ...string) *harness.Controller {
	w.T.Helper()
	return w.Keep(w.Options(append([]string{"-kubeconfig", w.api.Kubeconfig()}, args...)...), with)
}

// forLong returns the duration for a run with -short, and the one for a run without.
func forLong(short, long time.Duration) time.Duration {
	if testing.Short() {
		return short
	}
	return long
}

// logged says whether a controller has logged something.
func logged(c *harness.Controller, text string) bool { return strings.Contains(c.Log(), text) }
