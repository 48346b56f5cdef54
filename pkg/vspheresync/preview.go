package vspheresync

import (
	"context"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

// Preview returns what Sync would go by and decide now, and changes nothing. It fails if nothing is known; an unusable
// template is a problem of the plan. Of the configuration it needs VCenter, Lister and Clock.
//
// Before the end of a group Sync reads all stamps anew; whoever wants to foresee that has the adapter sweep first.
func (s *Syncer) Preview(ctx context.Context, vg *v1alpha1.VmGroup) (plan.Input, plan.Plan, error) {
	in, _ := s.gather(ctx, vg, &memory{}) // what could not be learned is in the input too
	if in.Unavailable != nil {
		return in, plan.Plan{}, in.Unavailable
	}
	return in, plan.Compute(in), nil
}
