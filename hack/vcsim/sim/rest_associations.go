package sim

import (
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// associationMethods are the calls on what tags are attached to.
func associationMethods() []restMethod {
	const all, one = "POST /rest/com/vmware/cis/tagging/tag-association", "POST /rest/com/vmware/cis/tagging/tag-association/{id}"
	return []restMethod{
		{"tagging.AttachTag", one, "attach", (*Simulator).restAttachTag},
		{"tagging.DetachTag", one, "detach", (*Simulator).restDetachTag},
		{"tagging.AttachTagToMultipleObjects", one, "attach-tag-to-multiple-objects", (*Simulator).restAttachTagToMany},
		{"tagging.AttachMultipleTagsToObject", all, "attach-multiple-tags-to-object", (*Simulator).restAttachManyTags},
		{"tagging.DetachMultipleTagsFromObject", all, "detach-multiple-tags-from-object", (*Simulator).restDetachManyTags},
		{"tagging.ListAttachedObjects", one, "list-attached-objects", (*Simulator).restListAttachedObjects},
		{"tagging.ListAttachedObjectsOnTags", all, "list-attached-objects-on-tags", (*Simulator).restListAttachedObjectsOnTags},
		{"tagging.ListAttachedTags", all, "list-attached-tags", (*Simulator).restListAttachedTags},
		{"tagging.ListAttachedTagsOnObjects", all, "list-attached-tags-on-objects", (*Simulator).restListAttachedTagsOnObjects},
	}
}

// taggable returns the only object of a call on one, or why it cannot be tagged or read.
func (s *Simulator) taggable(c *restCall) (types.ManagedObjectReference, *restError) {
	if c.body.ObjectID == nil {
		return types.ManagedObjectReference{}, invalidArgument("The call names no object.")
	}
	if ref := c.body.ObjectID.ref(); !s.there(ref) {
		return ref, notReadable(ref)
	}
	return c.body.ObjectID.ref(), nil
}

// restAttachTag attaches a tag to an object. Of two that are missing, the tag comes first.
func (s *Simulator) restAttachTag(c *restCall) (any, *restError) {
	if !s.tags.exists(c.id()) {
		return nil, restNotFound("tag", c.id())
	}
	ref, err := s.taggable(c)
	if err != nil {
		return nil, err
	}
	if why := s.tags.attach(c.id(), ref); why != "" {
		return nil, invalidArgument("The tag %s cannot be attached to %s:%s: %s.", c.id(), ref.Type, ref.Value, why)
	}
	return nil, nil
}

func (s *Simulator) restDetachTag(c *restCall) (any, *restError) {
	if !s.tags.exists(c.id()) {
		return nil, restNotFound("tag", c.id())
	}
	ref, err := s.taggable(c)
	if err != nil {
		return nil, err
	}
	s.tags.detach(c.id(), ref)
	return nil, nil
}

// restAttachTagToMany attaches a tag to many objects. It succeeds even if it attached the tag to none: the answer says why,
// and govmomi's client does not look at it.
func (s *Simulator) restAttachTagToMany(c *restCall) (any, *restError) {
	if err := c.tooMany(); err != nil {
		return nil, err
	}
	if !s.tags.exists(c.id()) {
		return nil, restNotFound("tag", c.id())
	}
	var failures []restMessage
	for _, ref := range c.objects() {
		why := ""
		switch {
		case !s.there(ref):
			why = tagGone
		case s.lacksAny(c, ref, control.OnItself):
			why = "unauthorized"
		default:
			why = s.tags.attach(c.id(), ref)
		}
		if why != "" {
			failures = append(failures, newBatchFailure(why, "Tagging object "+ref.Type+":"+ref.Value+" failed"))
		}
	}
	return batch(failures), nil
}

func (s *Simulator) restAttachManyTags(c *restCall) (any, *restError) {
	return s.manyTags(c, s.tags.attach)
}

func (s *Simulator) restDetachManyTags(c *restCall) (any, *restError) {
	return s.manyTags(c, s.tags.detach)
}

// manyTags does the same with many tags of one object.
func (s *Simulator) manyTags(c *restCall, do func(string, types.ManagedObjectReference) string) (any, *restError) {
	if err := c.tooMany(); err != nil {
		return nil, err
	}
	ref, err := s.taggable(c)
	if err != nil {
		return nil, err
	}
	var failures []restMessage
	for _, id := range c.body.TagIDs {
		why := "unauthorized"
		if !s.lacksAny(c, tagRef(id), control.OnTag) {
			why = do(id, ref)
		}
		if why != "" {
			failures = append(failures, newBatchFailure(why, "Tagging object "+id+" failed"))
		}
	}
	return batch(failures), nil
}

// attachedTo lists those of a tag's objects that the account may read.
func (s *Simulator) attachedTo(id string) []restObject {
	out := []restObject{}
	for _, ref := range s.tags.on(id) {
		if s.readable(ref) {
			out = append(out, restObjectOf(ref))
		}
	}
	return out
}

func (s *Simulator) restListAttachedObjects(c *restCall) (any, *restError) {
	if !s.tags.exists(c.id()) {
		return nil, restNotFound("tag", c.id())
	}
	return s.attachedTo(c.id()), nil
}

func (s *Simulator) restListAttachedObjectsOnTags(c *restCall) (any, *restError) {
	if err := c.tooMany(); err != nil {
		return nil, err
	}
	out := []any{}
	for _, id := range c.body.TagIDs {
		if s.tags.exists(id) && s.readable(tagRef(id)) {
			out = append(out, map[string]any{"tag_id": id, "object_ids": s.attachedTo(id)})
		}
	}
	return out, nil
}

func (s *Simulator) restListAttachedTags(c *restCall) (any, *restError) {
	ref, err := s.taggable(c)
	if err != nil {
		return nil, err
	}
	return s.tags.of(ref), nil
}

// restListAttachedTagsOnObjects leaves out what is not there or may not be read: no document says what vCenter does.
func (s *Simulator) restListAttachedTagsOnObjects(c *restCall) (any, *restError) {
	if err := c.tooMany(); err != nil {
		return nil, err
	}
	out := []any{}
	for _, ref := range c.objects() {
		if s.there(ref) && s.readable(ref) {
			out = append(out, map[string]any{"object_id": restObjectOf(ref), "tag_ids": s.tags.of(ref)})
		}
	}
	return out, nil
}
