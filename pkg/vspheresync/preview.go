package vspheresync

import (
	"context"
	"errors"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Preview returns what Sync would go by and decide now, and changes nothing. It fails if nothing is known; an unusable
// template is a problem of the plan. It fails with vsphere.ErrPending if vCenter was asked and has not answered yet: to be
// called again when the adapter notifies the group. Of the configuration it needs KeeperOf, VCenter, Lister, Revisions
// and Clock.
//
// Before the end of a group Sync waits for a sweep. Preview takes the one that the connection began with for it.
func (s *Syncer) Preview(ctx context.Context, vg *v1alpha1.VmGroup) (plan.Input, plan.Plan, error) {
	m := s.remember(vg.UID)
	var err error
	if m.keeper, err = s.cfg.KeeperOf(vg); err != nil {
		return plan.Input{}, plan.Plan{}, err
	}
	in, _ := s.gather(ctx, vg, m) // what could not be learned is in the input too
	in.SweepAsked = in.Snapshot.Swept
	switch {
	case in.Unavailable != nil:
		return in, plan.Plan{}, in.Unavailable
	case isPending(in.TemplateError), isPending(in.KeptTemplateError):
		return in, plan.Plan{}, vsphere.ErrPending
	}
	return in, plan.Compute(in), nil
}

func isPending(err *vsphere.Error) bool { return err != nil && errors.Is(err, vsphere.ErrPending) }
