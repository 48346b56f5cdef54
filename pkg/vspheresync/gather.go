package vspheresync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// gather collects what a decision depends on. It changes nothing. The error is what could not be learned, and so has to be
// asked again; the input says it too. An error of the template is none of these, see lacks.
func (s *Syncer) gather(ctx context.Context, vg *v1alpha1.VmGroup, m *memory) (plan.Input, error) {
	in := plan.Input{
		Group: vg, Now: s.cfg.Clock.Now(), ReadOnly: s.cfg.ReadOnly,
		Controller: s.cfg.Name, Class: m.keeper.Class, ClassError: m.keeper.Err, Offer: m.keeper.Offer,
	}
	if m.generation != vg.Generation {
		m.generation, m.specSince = vg.Generation, in.Now
	}
	in.SpecSince, in.OrphanAsked, in.SweepAsked, in.Clocks = m.specSince, m.orphan, m.sweep, m.clocks
	if err := s.look(ctx, vg, m, &in); err != nil {
		in.Unavailable = asError(err)
		return in, err
	}
	return in, nil
}

// lacks returns what could not be learned, and has to be asked again: the error of gather, or that of the template. That
// there is no template is an answer, and in nobody's way until a clone is due. A pending answer brings about its own sync.
func lacks(in plan.Input, p plan.Plan, err error) error {
	if err == nil && in.TemplateError != nil && !p.WarnsOfTemplate(in) {
		return unlessPending(in.TemplateError)
	}
	return err
}

func (s *Syncer) look(ctx context.Context, vg *v1alpha1.VmGroup, m *memory, in *plan.Input) error {
	var err error
	if in.Snapshot, err = s.cfg.VCenter.Snapshot(ctx, groupID(vg), m.keeper.Class); err != nil {
		return err
	}
	if in.Snapshot, err = s.verified(ctx, vg, m, in.Snapshot); err != nil {
		return err
	}
	if !in.Snapshot.RootExists {
		if in.FolderRecorded, err = s.folderRecorded(); err != nil {
			return err
		}
	}
	if vg.DeletionTimestamp != nil {
		return nil
	}
	if in.Snapshot, err = s.measured(ctx, vg, m, in.Snapshot); err != nil {
		return err
	}
	if in.Living, err = s.living(vg, in.Snapshot); err != nil {
		return err
	}
	if in.ClassError != nil { // no VM is made, whatever the template is
		return s.lookAtRevisions(ctx, vg, in)
	}
	in.Template, err = s.cfg.VCenter.FindTemplate(ctx, groupID(vg), in.Class, vg.Spec.Template)
	switch {
	case vsphere.ClassOf(err) == vsphere.ClassUnavailable:
		return err
	case err != nil:
		in.TemplateError = asError(err)
	}
	return s.lookAtRevisions(ctx, vg, in)
}

// verified lets vCenter verify, once, the VMs that the status lists and the snapshot lacks. It returns the snapshot after
// that. It asks for the same VMs until there is an answer, whatever the snapshot says meanwhile.
func (s *Syncer) verified(ctx context.Context, vg *v1alpha1.VmGroup, m *memory, snap vsphere.Snapshot) (vsphere.Snapshot, error) {
	if m.verified == snap.VCenter {
		return snap, nil
	}
	if m.missing == nil || m.missingIn != snap.VCenter {
		m.missing, m.missingIn = recordedButMissing(vg, snap), snap.VCenter
	}
	if len(m.missing) > 0 {
		err := s.cfg.VCenter.Verify(ctx, groupID(vg), m.missing)
		if errors.Is(err, vsphere.ErrPending) {
			return snap, err
		}
		m.missing = nil
		if err != nil {
			return snap, err
		}
		if snap, err = s.cfg.VCenter.Snapshot(ctx, groupID(vg), m.keeper.Class); err != nil {
			return snap, err
		}
	}
	m.verified = snap.VCenter
	return snap, nil
}

// measured lets vCenter read the disks that spec.disk is compared with. An edit of the spec is not judged before they are known, and
// neither is a partition, which goes by what its VMs are. Otherwise nobody waits for the disk of a VM that has just been made.
// It returns the snapshot after that.
func (s *Syncer) measured(ctx context.Context, vg *v1alpha1.VmGroup, m *memory, snap vsphere.Snapshot) (vsphere.Snapshot, error) {
	unknown := plan.DisksToRead(vg, snap)
	if m.measured == vg.Generation && !plan.KeepsHistory(vg) {
		if len(unknown) > 0 {
			return snap, unlessPending(s.cfg.VCenter.ReadDisks(ctx, groupID(vg), unknown))
		}
		return snap, nil
	}
	if m.unmeasured == nil {
		m.unmeasured = unknown
	}
	if len(m.unmeasured) > 0 {
		if err := s.cfg.VCenter.ReadDisks(ctx, groupID(vg), m.unmeasured); err != nil {
			return snap, err
		}
		var err error
		if snap, err = s.cfg.VCenter.Snapshot(ctx, groupID(vg), m.keeper.Class); err != nil {
			return snap, err
		}
	}
	m.unmeasured, m.measured = nil, vg.Generation
	return snap, nil
}

// recordedButMissing returns the VMs that the status lists and the snapshot lacks. What an earlier process has seen is not
// gone because this one does not see it.
func recordedButMissing(vg *v1alpha1.VmGroup, snap vsphere.Snapshot) []vsphere.Ref {
	if f := vg.Status.Folder; f == nil || f.VCenter != snap.VCenter {
		return nil
	}
	var missing []vsphere.Ref
	seen := snap.ByRef()
	for _, recorded := range vg.Status.VMs {
		if ref := vsphere.Ref(recorded.MoRef); ref != "" && seen[ref] == nil {
			missing = append(missing, ref)
		}
	}
	return missing
}

// living returns which of the other groups of this name exist whose VMs are in a snapshot.
func (s *Syncer) living(vg *v1alpha1.VmGroup, snap vsphere.Snapshot) (map[string]bool, error) {
	namesake := func(vm *vsphere.VM) bool {
		return vm.Stamp != nil && vm.Stamp.Name == vg.Name && vm.Stamp.UID != string(vg.UID)
	}
	if !slices.ContainsFunc(snap.VMs, namesake) {
		return nil, nil
	}
	groups, err := s.cfg.Lister.List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list VmGroups: %w", err)
	}
	living := map[string]bool{}
	for _, other := range groups {
		if other.Name == vg.Name {
			living[string(other.UID)] = true
		}
	}
	return living, nil
}

// folderRecorded reports whether any group of this controller records a folder.
func (s *Syncer) folderRecorded() (bool, error) {
	groups, err := s.cfg.Lister.List(labels.Everything())
	if err != nil {
		return false, fmt.Errorf("list VmGroups: %w", err)
	}
	return slices.ContainsFunc(groups, func(vg *v1alpha1.VmGroup) bool {
		keeper := vg.Status.ControllerName
		return plan.RecordsFolder(vg) && (keeper == "" || keeper == s.cfg.Name)
	}), nil
}

// asError returns the *vsphere.Error in err. The port promises one; what carries none is transient.
func asError(err error) *vsphere.Error {
	if e, ok := errors.AsType[*vsphere.Error](err); ok {
		return e
	}
	return &vsphere.Error{Class: vsphere.ClassTransient, Message: err.Error(), Err: err}
}
