package sim

import (
	"net/http"
	"slices"

	"github.com/vmware/govmomi/vim25/types"
)

// tagMethods are the calls on categories and tags that read. Administrators make tags at the control port.
func tagMethods() []restMethod {
	const (
		category = "/rest/com/vmware/cis/tagging/category"
		tag      = "/rest/com/vmware/cis/tagging/tag"
	)
	return append(associationMethods(),
		restMethod{"tagging.ListCategories", "GET " + category, "", (*Simulator).restListCategories},
		restMethod{"tagging.GetCategory", "GET " + category + "/{id}", "", (*Simulator).restGetCategory},
		restMethod{"tagging.ListTags", "GET " + tag, "", (*Simulator).restListTags},
		restMethod{"tagging.GetTag", "GET " + tag + "/{id}", "", (*Simulator).restGetTag},
		restMethod{"tagging.ListTagsForCategory", "POST " + tag + "/{id}", "list-tags-for-category", (*Simulator).restListTagsForCategory},
	)
}

// tagRef stands for a tag or a category where an object of the inventory is asked for.
func tagRef(id string) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "Tag", Value: id}
}

// readable reports whether the account may read a tag, a category or an object. Lists leave out what it may not.
func (s *Simulator) readable(ref types.ManagedObjectReference) bool {
	return !s.lacks(ref, readPrivilege)
}

func (s *Simulator) restListCategories(*restCall) (any, *restError) {
	s.tags.mu.Lock()
	defer s.tags.mu.Unlock()
	ids := []string{}
	for _, c := range s.tags.categories {
		if s.readable(tagRef(c.id)) {
			ids = append(ids, c.id)
		}
	}
	return ids, nil
}

func (s *Simulator) restGetCategory(c *restCall) (any, *restError) {
	s.tags.mu.Lock()
	defer s.tags.mu.Unlock()
	i := slices.IndexFunc(s.tags.categories, func(category *tagCategory) bool { return category.id == c.id() })
	if i < 0 {
		return nil, restNotFound("category", c.id())
	}
	category := s.tags.categories[i]
	cardinality := "MULTIPLE"
	if category.Single {
		cardinality = "SINGLE"
	}
	return map[string]any{
		"id": category.id, "name": category.Name, "description": "", "cardinality": cardinality,
		"associable_types": append([]string{}, category.Types...), "used_by": []string{},
	}, nil
}

func (s *Simulator) restListTags(*restCall) (any, *restError) {
	return s.tagIDs(func(*tag) bool { return true }), nil
}

func (s *Simulator) restListTagsForCategory(c *restCall) (any, *restError) {
	if _, err := s.restGetCategory(c); err != nil {
		return nil, err
	}
	return s.tagIDs(func(t *tag) bool { return t.category.id == c.id() }), nil
}

// tagIDs lists those of some tags that the account may read.
func (s *Simulator) tagIDs(wanted func(*tag) bool) []string {
	s.tags.mu.Lock()
	defer s.tags.mu.Unlock()
	ids := []string{}
	for _, t := range s.tags.tags {
		if wanted(t) && s.readable(tagRef(t.id)) {
			ids = append(ids, t.id)
		}
	}
	return ids
}

func (s *Simulator) restGetTag(c *restCall) (any, *restError) {
	s.tags.mu.Lock()
	defer s.tags.mu.Unlock()
	t := s.tags.get(c.id())
	if t == nil {
		return nil, restNotFound("tag", c.id())
	}
	return map[string]any{
		"id": t.id, "name": t.name, "description": "", "category_id": t.category.id, "used_by": []string{},
	}, nil
}

// maxBatch is how many objects or tags one call may name. VMware's paper on the best practices of tagging (vSphere 7.0 U1)
// says that more than 2000 make calls fail; it does not say with which error.
const maxBatch = 2000

// tooMany refuses a call that names more than vCenter takes.
func (c *restCall) tooMany() *restError {
	if n := max(len(c.body.ObjectIDs), len(c.body.TagIDs)); n > maxBatch {
		return invalidArgument("The call names %d objects; at most %d are allowed.", n, maxBatch)
	}
	return nil
}

// there reports whether an object is in the inventory, for all that a client can know.
func (s *Simulator) there(ref types.ManagedObjectReference) bool {
	return s.registry.Get(ref) != nil && !s.hub.isUnborn(ref)
}

// batchResult is the answer to a call on many: it succeeds as a whole, whatever became of each.
type batchResult struct {
	Success bool          `json:"success"`
	Errors  []restMessage `json:"error_messages"`
}

func batch(failures []restMessage) batchResult {
	return batchResult{len(failures) == 0, append([]restMessage{}, failures...)}
}

func newBatchFailure(kind, text string) restMessage {
	return restMessage{ID: "cis.tagging." + kind + ".error", Text: text, Args: []string{}}
}

// notReadable is the error of a single call on an object that is not there: a vCenter 6.7 says that one may not read it.
func notReadable(ref types.ManagedObjectReference) *restError {
	return newRESTError(http.StatusForbidden, "unauthorized", "The object %s:%s cannot be read.", ref.Type, ref.Value)
}
