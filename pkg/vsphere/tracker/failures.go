package tracker

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// failureKey says what a failure is counted by: a VM, a clone's name, or, for the clones of a group, neither.
type failureKey struct {
	kind   vsphere.OperationKind
	target string
}

func keyOf(op vsphere.Operation, byName bool) failureKey {
	switch {
	case op.Kind != vsphere.OperationClone:
		return failureKey{op.Kind, string(op.VM)}
	case byName:
		return failureKey{op.Kind, op.Name}
	default:
		return failureKey{op.Kind, ""}
	}
}

// fail counts a failure, once for all operations that were under way together: sixteen clones that meet one full datastore
// are not sixteen attempts. What vCenter's absence has stopped is not one: the session loop deals with that. Nor is a clone
// whose template was not what it was taken for: the next look-up deals with that.
func (t *Tracker) fail(g vsphere.GroupID, op vsphere.Operation, specHash string, err *vsphere.Error) {
	if err.Class == vsphere.ClassUnavailable || vsphere.TemplateChanged(err) {
		return
	}
	if t.failures[g.UID] == nil {
		t.failures[g.UID] = map[failureKey]vsphere.Failure{}
	}
	key := keyOf(op, vsphere.ConcernsName(err))
	f := t.failures[g.UID][key]
	if f.SpecHash != specHash || (f.Err != nil && f.Err.Class != err.Class) {
		f.Count = 0
	}
	if f.Count == 0 || op.Started.IsZero() || !op.Started.Before(f.At) {
		f.Count++
	}
	t.failures[g.UID][key] = vsphere.Failure{
		Kind: op.Kind, Name: op.Name, VM: op.VM, SpecHash: specHash,
		Err: err, Count: f.Count, At: t.cfg.Clock.Now(),
	}
}

// failed counts the failure of an operation that was begun.
func (t *Tracker) failed(o *operation, err *vsphere.Error) {
	t.ended(o, err.Class)
	if !o.moot {
		t.fail(o.group, o.Operation, o.specHash, err)
	}
}

// succeed forgives what the operation repairs.
func (t *Tracker) succeed(o *operation) {
	t.ended(o, "")
	t.forgive(o.group.UID, keyOf(o.Operation, false))
	t.forgive(o.group.UID, keyOf(o.Operation, true))
	if o.Kind == vsphere.OperationPowerOn && !o.moot {
		t.poweredOn(o.group.UID, o.VM)
	}
}

func (t *Tracker) forgive(uid string, key failureKey) {
	delete(t.failures[uid], key)
	if len(t.failures[uid]) == 0 {
		delete(t.failures, uid)
	}
}
