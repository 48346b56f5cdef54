package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// tagBook is all categories and tags, and what tags are attached to. vCenter has them beside the inventory: tags are no
// objects of it, and an object that goes loses its tags.
type tagBook struct {
	there func(types.ManagedObjectReference) bool // whether an object is in the inventory

	mu         sync.Mutex
	categories []*tagCategory
	tags       []*tag // in the order in which they were made
}

type tagCategory struct {
	control.TagCategory
	id string
}

// tag is a tag; all but its objects never changes.
type tag struct {
	id, name string
	category *tagCategory
	objects  map[types.ManagedObjectReference]struct{}
}

func tagID(kind string) string {
	return "urn:vmomi:InventoryService" + kind + ":" + newUUID() + ":GLOBAL"
}

// addCategory makes a category, and reports whether there was none of its name. The caller holds the lock.
func (b *tagBook) addCategory(category control.TagCategory) (*tagCategory, bool) {
	for _, c := range b.categories {
		if c.Name == category.Name {
			return c, false
		}
	}
	c := &tagCategory{category, tagID("Category")}
	b.categories = append(b.categories, c)
	return c, true
}

// add makes a tag, and its category on demand.
func (b *tagBook) add(category, name string) (id string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, _ := b.addCategory(control.TagCategory{Name: category})
	t := &tag{id: tagID("Tag"), name: name, category: c, objects: map[types.ManagedObjectReference]struct{}{}}
	if slices.ContainsFunc(b.tags, func(other *tag) bool { return other.category == c && other.name == name }) {
		return "", fmt.Errorf("there is a tag %s/%s already", category, name)
	}
	b.tags = append(b.tags, t)
	return t.id, nil
}

// remove deletes a tag and detaches it from everything.
func (b *tagBook) remove(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tags = slices.DeleteFunc(b.tags, func(t *tag) bool { return t.id == id })
}

// find returns the identifier of the tag of a name in a category.
func (b *tagBook) find(category, name string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.tags {
		if t.category.Name == category && t.name == name {
			return t.id, nil
		}
	}
	return "", &lookupError{"tag", category + "/" + name, 0}
}

// get returns a tag, or nil. The caller holds the lock.
func (b *tagBook) get(id string) *tag {
	for _, t := range b.tags {
		if t.id == id {
			return t
		}
	}
	return nil
}

// name is what a tag is called in fault rules, beside its identifier.
func (b *tagBook) name(id string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.get(id); t != nil {
		return []string{t.name}
	}
	return nil
}

// exists reports whether there is a tag.
func (b *tagBook) exists(id string) bool { return len(b.name(id)) > 0 }

// attach attaches a tag to an object; one that is attached stays so. It returns what makes the tag ineligible, in the words
// of vCenter's identifiers, or "". A tag that is not there is "objectNotFound".
func (b *tagBook) attach(id string, ref types.ManagedObjectReference) (ineligible string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.get(id)
	switch {
	case t == nil:
		return tagGone
	case len(t.category.Types) > 0 && !slices.Contains(t.category.Types, ref.Type):
		return "attach.invalidArgument.associability"
	case t.category.Single && slices.ContainsFunc(b.tags, func(other *tag) bool {
		return other != t && other.category == t.category && other.has(ref)
	}):
		return "attach.invalidArgument.cardinality"
	}
	t.objects[ref] = struct{}{}
	return ""
}

// tagGone is why a tag that is not there cannot be attached or detached.
const tagGone = "objectNotFound"

// detach detaches a tag from an object, and returns tagGone or "". One that is not attached stays so.
func (b *tagBook) detach(id string, ref types.ManagedObjectReference) (impossible string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.get(id)
	if t == nil {
		return tagGone
	}
	delete(t.objects, ref)
	return ""
}

func (t *tag) has(ref types.ManagedObjectReference) bool {
	_, ok := t.objects[ref]
	return ok
}

// of lists the tags of an object.
func (b *tagBook) of(ref types.ManagedObjectReference) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := []string{}
	for _, t := range b.tags {
		if t.has(ref) {
			ids = append(ids, t.id)
		}
	}
	return ids
}

// on lists the objects that a tag is attached to.
func (b *tagBook) on(id string) []types.ManagedObjectReference {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.get(id); t != nil {
		return b.sorted(t)
	}
	return nil
}

// sorted lists the objects of a tag that are still there. What has gone never comes back under its reference.
func (b *tagBook) sorted(t *tag) []types.ManagedObjectReference {
	refs := slices.SortedFunc(maps.Keys(t.objects), func(a, b types.ManagedObjectReference) int {
		return strings.Compare(a.Value, b.Value)
	})
	return slices.DeleteFunc(refs, func(ref types.ManagedObjectReference) bool { return !b.there(ref) })
}

// list is the truth for the control port.
func (b *tagBook) list() []control.Tag {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []control.Tag{}
	for _, t := range b.tags {
		one := control.Tag{ID: t.id, Category: t.category.Name, Name: t.name}
		for _, ref := range b.sorted(t) {
			one.Objects = append(one.Objects, ref.Value)
		}
		out = append(out, one)
	}
	return out
}
