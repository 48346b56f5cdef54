package vspheresync

import (
	"maps"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

// restFor is for how long a sync may rely on what an earlier one has found. A mistake in what is compared heals after that.
const restFor = 5 * time.Minute

// rested returns what a sync has gone by if the next one, from the same input, would have nothing to do either: the group is
// to live, vCenter and the template were read, nothing is to be changed and nothing has failed, the status is as it is to
// be, and nothing waits for a time. Otherwise it returns nil. A group that waits for an answer is not at rest: Unavailable
// stands for a verification, TemplateError for a search, and a group that waits for a sweep or a removal is being deleted.
func rested(in plan.Input, p plan.Plan, statusStands bool, again time.Duration, err error) *plan.Input {
	if in.Group.DeletionTimestamp != nil || in.Unavailable != nil || in.TemplateError != nil ||
		p.Writes() || len(p.Record)+len(p.Forget) > 0 || p.AddFinalizer || p.RemoveFinalizer || !statusStands || again != 0 || err != nil {
		return nil
	}
	return &in
}

// unmoved reports whether a sync has the same input as the one that found the group at rest, but for the time.
func unmoved(rest *plan.Input, in plan.Input) bool {
	return rest != nil && in.Now.Sub(rest.Now) < restFor &&
		in.Group.ResourceVersion == rest.Group.ResourceVersion && in.Group.DeletionTimestamp == nil &&
		in.Unavailable == nil && in.Snapshot.Version == rest.Snapshot.Version &&
		in.TemplateError == nil && in.Template == rest.Template && in.Offer == rest.Offer &&
		in.KeptTemplateError == nil && rest.KeptTemplateError == nil && in.KeptTemplate == rest.KeptTemplate &&
		slices.Equal(in.Revisions, rest.Revisions) && slices.Equal(in.UnreadableRevisions, rest.UnreadableRevisions) &&
		maps.Equal(in.Living, rest.Living) && in.FolderRecorded == rest.FolderRecorded &&
		in.OrphanAsked == rest.OrphanAsked && in.ReadOnly == rest.ReadOnly && in.SpecSince.Equal(rest.SpecSince)
}
