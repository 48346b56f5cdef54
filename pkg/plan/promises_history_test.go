package plan

import (
	"slices"

	"pgregory.net/rapid"
)

// checkHistory proves that nothing is made of what nobody has recorded, and that the earliest record and that of the present
// spec stay while VMs are old.
func checkHistory(t *rapid.T, in Input, p Plan) {
	kept, now := KeptRevision(in), SpecOf(in.Group)
	early := 0
	for _, c := range clonesIn(p) {
		switch {
		case *c.Clone.VMSpec == now && c.Clone.Source == in.Template && in.TemplateError == nil:
		case kept != nil && *c.Clone.VMSpec == kept.VMSpec && c.Clone.Source == in.KeptTemplate && in.KeptTemplateError == nil:
			early++
		default:
			t.Errorf("%s is made from %+v", c.Name, c.Clone)
		}
	}
	keep := 0
	if KeepsHistory(in.Group) {
		keep = absolute(in.Group.Spec.Update.Partition, int(in.Group.DesiredReplicas()), true)
	}
	if there := countIf(p.members.ours, func(m *member) bool { return m.partitioned }); early+there > keep {
		t.Errorf("%d VMs are kept and %d made at an earlier revision, and the partition is %d", there, early, keep)
	}
	old := countIf(p.members.ours, func(m *member) bool { return m.differs })
	if kept != nil && old > 0 && slices.Contains(p.Forget, kept.Object) {
		t.Errorf("%s is deleted while %d VMs are old", kept.Object, old)
	}
	if len(p.Record)+len(p.Forget) > 0 && (in.Unavailable != nil || otherVCenter(in) || in.Group.DeletionTimestamp != nil) {
		t.Error("the history changes although nothing is known, or the group goes")
	}
}
