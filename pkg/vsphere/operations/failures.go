package operations

import (
	"cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// failureKey says what a failure is counted by: a VM, a clone's name, or, for the clones of a group, the zone that they go to.
type failureKey struct {
	kind   vsphere.OperationKind
	target string
	zone   string
}

func keyOf(op vsphere.Operation, byName bool) failureKey {
	switch {
	case !op.Kind.Makes():
		return failureKey{kind: op.Kind, target: string(op.VM)}
	case byName:
		return failureKey{kind: op.Kind, target: op.Name}
	default:
		return failureKey{kind: op.Kind, zone: op.Place.Zone}
	}
}

// failures are those of one group.
type failures struct {
	byKey map[failureKey]vsphere.Failure
	list  *Sorted[vsphere.Failure]
	kinds map[vsphere.OperationKind]int // how many there are of each
}

func newFailures() *failures {
	return &failures{
		byKey: map[failureKey]vsphere.Failure{}, list: NewSorted(compareFailures), kinds: map[vsphere.OperationKind]int{},
	}
}

func compareFailures(a, b vsphere.Failure) int {
	if order := cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.VM, b.VM)); order != 0 {
		return order
	}
	switch byName := vsphere.ConcernsName(a.Err); {
	case byName == vsphere.ConcernsName(b.Err):
		return cmp.Compare(a.Place.Zone, b.Place.Zone)
	case byName:
		return 1
	default:
		return -1
	}
}

func (fs *failures) all() []vsphere.Failure {
	if fs == nil {
		return nil
	}
	return fs.list.All()
}

func (fs *failures) put(key failureKey, f vsphere.Failure) {
	fs.remove(key)
	fs.byKey[key] = f
	fs.kinds[key.kind]++
	fs.list.Put(f)
}

func (fs *failures) remove(key failureKey) {
	f, ok := fs.byKey[key]
	if !ok {
		return
	}
	delete(fs.byKey, key)
	fs.list.Remove(f)
	if fs.kinds[key.kind]--; fs.kinds[key.kind] == 0 {
		delete(fs.kinds, key.kind)
	}
}

// of returns the keys of the failures of a VM.
func (fs *failures) of(vm vsphere.Ref) []failureKey {
	var keys []failureKey
	for kind := range fs.kinds {
		key := failureKey{kind: kind, target: string(vm)}
		if f, ok := fs.byKey[key]; ok && f.VM == vm {
			keys = append(keys, key)
		}
	}
	return keys
}

// fail counts a failure, once for all operations that were under way together: sixteen clones that meet one full datastore
// are not sixteen attempts. What vCenter's absence has stopped is not one: the session loop deals with that. Nor is a clone
// whose template was not what it was taken for: the next look-up deals with that.
func (t *Tracker) fail(o *operation, err *vsphere.Error) {
	if err.Class == vsphere.ClassUnavailable || vsphere.TemplateChanged(err) {
		return
	}
	group := t.failures[o.group.UID]
	if group == nil {
		group = newFailures()
		t.failures[o.group.UID] = group
	}
	key := keyOf(o.Operation, vsphere.ConcernsName(err))
	f := group.byKey[key]
	if f.SpecHash != o.SpecHash || (f.Err != nil && f.Err.Class != err.Class) {
		f.Count = 0
	}
	if f.Count == 0 || !o.Started.Before(f.At) {
		f.Count++
	}
	group.put(key, vsphere.Failure{
		Kind: o.Kind, Name: o.Name, VM: o.VM, Place: o.Place, SpecHash: o.SpecHash,
		Err: err, Count: f.Count, At: t.cfg.Clock.Now(),
	})
}

// failed counts the failure of an operation that was sent.
func (t *Tracker) failed(o *operation, err *vsphere.Error) {
	t.ended(o, err.Class)
	if !o.ignored {
		t.fail(o, err)
	}
}

// succeeded clears the failures that the operation repairs.
func (t *Tracker) succeeded(o *operation) {
	t.ended(o, "")
	t.clearFailure(o.group.UID, keyOf(o.Operation, false))
	t.clearFailure(o.group.UID, keyOf(o.Operation, true))
	for _, kind := range vsphere.Kinds() { // a guest that would not shut down is of no interest once its VM is off
		if info, _ := kind.Info(); info.Power != "" && info.Power == o.info().Power {
			t.clearFailure(o.group.UID, failureKey{kind: kind, target: string(o.VM)})
		}
	}
	if o.info().Power == vsphere.PoweredOn && !o.ignored {
		t.poweredOn(o.group.UID, o.VM)
	}
}

func (t *Tracker) clearFailure(uid string, key failureKey) {
	failures := t.failures[uid]
	if failures == nil {
		return
	}
	if failures.remove(key); len(failures.byKey) == 0 {
		delete(t.failures, uid)
	}
}
