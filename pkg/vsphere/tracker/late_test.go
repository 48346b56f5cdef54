package tracker_test

import (
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/tracker"
)

// A request whose answer was lost may still be on its way when a look shows nothing: the group must not be let go yet.
func TestLateRequestCounts(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(f *fixture)
		want int
	}{
		"while it may arrive":  {func(f *fixture) { f.pass(tracker.LateFor - time.Second) }, 1},
		"until it is too old":  {func(f *fixture) { f.pass(tracker.LateFor + time.Second) }, 0},
		"until its VM is seen": {func(f *fixture) { f.Seen("a", "vm-1", "a-0") }, 0},
		"another VM is seen":   {func(f *fixture) { f.Seen("a", "vm-1", "a-1") }, 1},
		"another vCenter":      {func(f *fixture) { f.Reset() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 2)
			id := f.begin("a", clone("a-0"))
			f.Refused(id, failure(vsphere.ClassUnknown))
			f.NotFound(id)
			f.wantOperations("a")
			f.heard()
			row.end(f)
			f.Overdue()
			if got := f.Strays("a"); got != row.want {
				t.Errorf("%d strays, want %d", got, row.want)
			}
			if f.Strays("b") != 0 {
				t.Error("it counts for another group")
			}
		})
	}
}

func TestLateRequestWakesItsGroup(t *testing.T) {
	f := newFixture(t, 2)
	id := f.begin("a", clone("a-0"))
	f.Refused(id, failure(vsphere.ClassUnknown))
	f.NotFound(id)
	f.heard()
	f.pass(tracker.LateFor + time.Second)
	f.Overdue()
	f.wantHeard("a")
}
