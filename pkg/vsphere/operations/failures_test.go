package operations_test

import (
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// fails lets an operation be refused.
func (f *fixture) fails(uid string, op vsphere.Operation, revision string, class vsphere.Class) {
	f.t.Helper()
	f.failsWith(uid, op, revision, failure(class))
}

func (f *fixture) failsWith(uid string, op vsphere.Operation, revision string, failure *vsphere.Error) {
	f.t.Helper()
	id, err := f.Begin(group(uid), request(op, revision))
	if err != nil {
		f.t.Fatal(err)
	}
	f.Refused(id, failure)
}

func nameTaken() *vsphere.Error {
	err := failure(vsphere.ClassConflict)
	err.Reason = vsphere.ReasonNameTaken
	return err
}

func TestClonesFailPerGroup(t *testing.T) {
	f := newFixture(t, 4)
	f.fails("a", clone("a-0"), "r1", vsphere.ClassTransient)
	f.fails("a", clone("a-1"), "r1", vsphere.ClassTransient)
	f.fails("b", clone("b-0"), "r1", vsphere.ClassTransient)
	f.wantFailures("a", "Clone a-1 Transient 2")
	f.wantFailures("b", "Clone b-0 Transient 1")
}

func TestNamesThatAreTakenFailPerName(t *testing.T) {
	f := newFixture(t, 4)
	f.failsWith("a", clone("a-0"), "r1", nameTaken())
	f.failsWith("a", clone("a-0"), "r1", nameTaken())
	f.failsWith("a", clone("a-1"), "r1", nameTaken())
	f.fails("a", clone("a-2"), "r1", vsphere.ClassExhausted)
	f.wantFailures("a", "Clone a-0 Conflict 2", "Clone a-1 Conflict 1", "Clone a-2 Exhausted 1")
}

func TestOtherConflictsOfClonesFailPerGroup(t *testing.T) {
	f := newFixture(t, 4)
	f.fails("a", clone("a-0"), "r1", vsphere.ClassConflict)
	f.fails("a", clone("a-1"), "r1", vsphere.ClassConflict)
	f.wantFailures("a", "Clone a-1 Conflict 2")
}

// The next look-up deals with it, and it must not be put off.
func TestATemplateThatHasChangedIsNoFailure(t *testing.T) {
	f := newFixture(t, 1)
	changed := failure(vsphere.ClassConflict)
	changed.Reason = vsphere.ReasonTemplateChanged
	f.failsWith("a", clone("a-0"), "r1", changed)
	f.failsWith("a", clone("a-0"), "r1", changed) // there is a place again
	f.wantFailures("a")
}

func TestOthersFailPerVMAndKind(t *testing.T) {
	f := newFixture(t, 4)
	f.fails("a", power("vm-1"), "", vsphere.ClassTransient)
	f.fails("a", power("vm-1"), "", vsphere.ClassTransient)
	f.fails("a", power("vm-2"), "", vsphere.ClassTransient)
	f.fails("a", destroy("vm-1"), "", vsphere.ClassTransient)
	f.wantFailures("a", "Destroy vm-1 Transient 1", "PowerOff vm-1 Transient 2", "PowerOff vm-2 Transient 1")
}

func TestCountStartsAnew(t *testing.T) {
	f := newFixture(t, 4)
	f.fails("a", clone("a-0"), "r1", vsphere.ClassTransient)
	f.fails("a", clone("a-0"), "r1", vsphere.ClassTransient)
	f.wantFailures("a", "Clone a-0 Transient 2")
	f.fails("a", clone("a-0"), "r2", vsphere.ClassTransient) // another revision
	f.wantFailures("a", "Clone a-0 Transient 1")
	f.fails("a", clone("a-0"), "r2", vsphere.ClassExhausted) // another class
	f.wantFailures("a", "Clone a-0 Exhausted 1")
	_, failures := f.Of("a")
	if got := failures[0]; got.SpecHash != (vsphere.VMSpec{Template: "r2"}).Hash() || !got.At.Equal(start) {
		t.Errorf("failure is %+v", got)
	}
}

func TestAbsenceOfVCenterIsNoFailure(t *testing.T) {
	f := newFixture(t, 4)
	f.fails("a", clone("a-0"), "r1", vsphere.ClassUnavailable)
	f.wantOperations("a")
	f.wantFailures("a")
}

func TestASuccessClearsFailures(t *testing.T) {
	f := newFixture(t, 4)
	fill := func() {
		f.Forget("a")
		f.fails("a", clone("a-0"), "r1", vsphere.ClassTransient)
		f.failsWith("a", clone("a-1"), "r1", nameTaken())
		f.fails("a", power("vm-1"), "", vsphere.ClassTransient)
		f.fails("a", destroy("vm-1"), "", vsphere.ClassTransient)
		f.fails("a", destroy("vm-2"), "", vsphere.ClassTransient)
	}
	all := []string{
		"Clone a-0 Transient 1", "Clone a-1 Conflict 1",
		"Destroy vm-1 Transient 1", "Destroy vm-2 Transient 1", "PowerOff vm-1 Transient 1",
	}
	for _, row := range []struct {
		name    string
		event   func()
		forgets []int // of all
	}{
		{"nothing", func() {}, nil},
		{"a clone succeeds", func() {
			_, task := f.run("a", clone("a-9"))
			f.Ended(task, "vm-9", nil)
			f.Seen("a", "vm-9", "a-9")
		}, []int{0}},
		{"the clone of the conflict succeeds", func() {
			_, task := f.run("a", clone("a-1"))
			f.Ended(task, "", nil)
		}, []int{0, 1}},
		{"the VM of the conflict is there", func() { f.Seen("a", "vm-7", "a-1") }, []int{1}},
		{"the same succeeds", func() {
			_, task := f.run("a", power("vm-1"))
			f.Ended(task, "", nil)
		}, []int{4}},
		{"the VM is gone", func() { f.Gone("vm-1") }, []int{2, 4}},
		{"a VM of that name is seen in another group", func() { f.Seen("b", "vm-7", "a-1") }, nil},
		{"the group is forgotten", func() { f.Forget("a") }, []int{0, 1, 2, 3, 4}},
	} {
		t.Run(row.name, func(t *testing.T) {
			fill()
			f.wantFailures("a", all...)
			row.event()
			var want []string
			for i, failure := range all {
				forgotten := false
				for _, j := range row.forgets {
					forgotten = forgotten || i == j
				}
				if !forgotten {
					want = append(want, failure)
				}
			}
			f.t = t
			f.wantFailures("a", want...)
		})
	}
}

// TestNobodyIsLeftToForgive: what ends after its VM or its group is gone leaves no failure that nothing could forgive.
func TestNobodyIsLeftToForgive(t *testing.T) {
	f := newFixture(t, 4)
	_, off := f.run("a", power("vm-1"))
	_, made := f.run("a", clone("a-0"))
	f.Gone("vm-1")
	f.Ended(off, "", failure(vsphere.ClassConflict))
	f.wantFailures("a")
	f.Forget("a")
	f.Ended(made, "", failure(vsphere.ClassTransient))
	f.wantFailures("a")
	f.wantOperations("a")
}

func TestWaveCountsOnce(t *testing.T) {
	f := newFixture(t, 3)
	for _, want := range []string{"Clone a-2 Exhausted 1", "Clone a-2 Exhausted 2"} {
		ids := []operations.ID{f.begin("a", clone("a-0")), f.begin("a", clone("a-1")), f.begin("a", clone("a-2"))}
		f.pass(time.Second)
		for _, id := range ids {
			f.Refused(id, failure(vsphere.ClassExhausted))
		}
		f.wantFailures("a", want)
		f.pass(time.Second)
	}
}
