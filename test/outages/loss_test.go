package outages

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/app"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestLossyLine lets groups live on a line to vCenter that loses answers, or requests, all the time. All that is wanted
// arrives, nothing is made or destroyed twice, and no status says that vCenter is away.
func TestLossyLine(t *testing.T) {
	for _, tt := range []struct {
		name string
		loss harness.Loss
		// heavy is true where several answers in a row may be lost by chance, which is an outage.
		heavy bool
	}{
		{"5 % of the answers", harness.Loss{Answers: 0.05}, false},
		{"10 % of the answers", harness.Loss{Answers: 0.1}, true},
		{"5 % of the requests", harness.Loss{Requests: 0.05}, false},
	} {
		for _, atEnd := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, names reserved at the end: %t", tt.name, atEnd), func(t *testing.T) {
				lossyLine(t, tt.loss, tt.heavy, atEnd)
			})
		}
	}
}

func lossyLine(t *testing.T, loss harness.Loss, heavy, atEnd bool) {
	groups, replicas, fewer := 4, int32(8), int32(5)
	if !testing.Short() {
		groups, replicas, fewer = 10, 15, 9
	}
	w := newWorld(t, vcsim.Options{CloneDelay: 100 * time.Millisecond, ReserveAtEnd: atEnd})
	line := harness.NewLossyLine(1)
	w.startIn(app.Overrides{WrapVCenter: line.Wrap})
	w.Create(w.Group("first", 1))
	w.Ready("first", 1)

	seen := w.record()
	line.Lose(loss)
	var names []string
	for i := range groups {
		names = append(names, fmt.Sprintf("web-%d", i))
		w.Create(w.Group(names[i], replicas))
	}
	for _, name := range names {
		w.Ready(name, replicas)
	}
	all := 1 + groups*int(replicas)
	w.made(all, 0)
	for _, name := range names {
		w.Scale(name, fewer)
	}
	for _, name := range names {
		w.Ready(name, fewer)
	}
	w.made(all, groups*int(replicas-fewer))
	for _, name := range names {
		vg, err := w.Get(name)
		harness.Must(t, err)
		w.Delete(name)
		w.Gone(vg)
	}
	line.Lose(harness.Loss{})
	w.made(all, all-1)
	if line.Lost() == 0 {
		t.Error("nothing was lost")
	}
	t.Logf("%d calls were lost", line.Lost())
	if !heavy {
		seen.reachable(t)
	}
}

// reachable checks that no status said that vCenter was away.
func (s *statuses) reachable(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, vg := range s.seen {
		if meta.IsStatusConditionFalse(vg.Status.Conditions, v1alpha1.ConditionVCenterReachable) {
			t.Errorf("%s, at version %s: %s", vg.Name, vg.ResourceVersion, vg.Status.Message)
		}
	}
}
