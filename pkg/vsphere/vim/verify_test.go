package vim

import (
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/soap"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// Whoever runs the controller by a faster clock must not wait for what is due by the real one.
func TestChoresGoByTheConfiguredClock(t *testing.T) {
	c := syncedConnection(t, "", func(soap.HasFault, soap.HasFault) error { return nil })
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	c.v.cfg.Clock = clock
	fires := func(what string, due <-chan time.Time, after time.Duration) {
		t.Helper()
		if clock.Waiters() != 1 {
			t.Fatalf("%s: %d wait for the clock, want 1", what, clock.Waiters())
		}
		clock.Step(after)
		select {
		case <-due:
		default:
			t.Errorf("%s: not due after %s", what, after)
		}
	}

	c.v.inv.AddFolder("group-9", "group-2", "db", clock.Now(), &inventory.Changes{})
	fires("a folder that nobody reports", c.nextRecheck(), reportedWithin)
	if overdue, _ := c.v.inv.UnconfirmedFolders(c.v.cfg.Clock.Now().Add(-reportedWithin)); len(overdue) != 1 {
		t.Errorf("overdue folders are %v, want one", overdue)
	}
	c.v.inv.ConfirmFolder("group-9")

	c.v.inv.Verified("vm-2", vmUpdate(described("web-0", "group-3")).Properties, &inventory.Changes{})
	fires("a VM that no filter holds", c.nextRecheck(), recheckFirst)
}
