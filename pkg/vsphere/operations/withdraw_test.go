package operations_test

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TestWithdrawGivesThePlaceToTheNext, and the failure, if it is one, to the VM.
func TestWithdrawGivesThePlaceToTheNext(t *testing.T) {
	f, want := observed(t, 1)
	id := f.begin("a", destroy("vm-1"))
	f.wantNoBudget("b", destroy("vm-2"))
	f.heard()
	f.Withdraw(id, failure(vsphere.ClassInvalid))
	f.wantHeard("b")
	f.wantOperations("a")
	f.wantFailures("a", "Destroy vm-1 Invalid 1")

	id = f.begin("b", destroy("vm-2"))
	f.Withdraw(id, nil)
	f.wantFailures("b")
	f.Withdraw(id, failure(vsphere.ClassInvalid)) // twice is harmless
	f.wantFailures("b")

	id = f.begin("a", destroy("vm-1"))
	f.Withdraw(id, failure(vsphere.ClassInvalid))
	f.wantFailures("a", "Destroy vm-1 Invalid 2")
	want("Destroy after 0s", "Destroy after 0s", "Destroy after 0s") // nothing was sent, and nothing has ended
}

// TestWithdrawOfAVMThatIsGone leaves no failure behind that nobody could forgive.
func TestWithdrawOfAVMThatIsGone(t *testing.T) {
	f := newFixture(t, 1)
	id := f.begin("a", destroy("vm-1"))
	f.Gone("vm-1")
	f.Withdraw(id, failure(vsphere.ClassTransient))
	f.wantOperations("a")
	f.wantFailures("a")
}
