package sim_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// tag makes a tag and returns its identifier.
func (e *env) tag(category, name string) string {
	e.t.Helper()
	id, err := e.control.AddTag(e.ctx, category, name)
	e.must(err)
	return id
}

// tagged is the truth: the tags of each object that has some.
func (e *env) tagged() map[string][]string {
	e.t.Helper()
	all, err := e.control.Tags(e.ctx)
	e.must(err)
	return control.TagsByObject(all)
}

func (e *env) wantTagged(want map[string][]string) {
	e.t.Helper()
	if diff := cmp.Diff(want, e.tagged()); diff != "" {
		e.t.Errorf("tags of objects: %s", diff)
	}
}

var goneVM = types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-gone"}

func TestFindTag(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	daily := e.tag("backup", "daily")
	e.tag("backup", "never")
	e.tag("zone", "daily")
	m := tags.NewManager(e.rest())
	tag, err := m.GetTagForCategory(e.ctx, "daily", "backup")
	e.must(err)
	category, err := m.GetCategory(e.ctx, "backup")
	e.must(err)
	if tag.ID != daily || tag.Name != "daily" || tag.CategoryID != category.ID || category.Cardinality != "MULTIPLE" {
		t.Errorf("tag %+v of category %+v", tag, category)
	}
	if _, err := m.GetTagForCategory(e.ctx, "weekly", "backup"); err == nil {
		t.Error("a tag that was not made was found")
	}
	_, err = m.GetCategory(e.ctx, "colour")
	wantStatus(t, err, http.StatusNotFound)
	e.must(e.control.RemoveTag(e.ctx, "backup", "daily"))
	_, err = m.GetTag(e.ctx, daily)
	wantStatus(t, err, http.StatusNotFound)
	_, err = m.ListTagsForCategory(e.ctx, "urn:vmomi:InventoryServiceCategory:none:GLOBAL")
	wantStatus(t, err, http.StatusNotFound)
	if _, err = e.control.AddTag(e.ctx, "zone", "daily"); err == nil {
		t.Error("one tag was made twice")
	}
	if err = e.control.RemoveTag(e.ctx, "backup", "daily"); err == nil {
		t.Error("one tag was removed twice")
	}
}

func TestAttachTag(t *testing.T) {
	e := start(t, sim.Options{})
	daily := e.tag("backup", "daily")
	e.clone("a")
	a, b := e.vm("a"), e.clone("b")
	m := tags.NewManager(e.rest())
	for range 2 { // twice is once
		e.must(m.AttachTag(e.ctx, daily, a))
	}
	e.wantTagged(map[string][]string{a.Value: {"backup/daily"}})
	wantStatus(t, m.AttachTag(e.ctx, daily, goneVM), http.StatusForbidden)
	wantStatus(t, m.DetachTag(e.ctx, daily, goneVM), http.StatusForbidden)
	none := "urn:vmomi:InventoryServiceTag:none:GLOBAL"
	wantStatus(t, m.AttachTag(e.ctx, none, a), http.StatusNotFound)
	wantStatus(t, m.DetachTag(e.ctx, none, a), http.StatusNotFound)
	_, err := m.ListAttachedObjects(e.ctx, none)
	wantStatus(t, err, http.StatusNotFound)
	_, err = m.ListAttachedTags(e.ctx, goneVM)
	wantStatus(t, err, http.StatusForbidden)

	e.must(e.control.AttachTag(e.ctx, "b", "backup", "daily"))
	refs, err := m.ListAttachedObjects(e.ctx, daily)
	e.must(err)
	if got := references(refs); !cmp.Equal(got, []types.ManagedObjectReference{a, b}) {
		t.Errorf("attached objects: %v", got)
	}
	for range 2 {
		e.must(m.DetachTag(e.ctx, daily, a))
	}
	e.wantTagged(map[string][]string{b.Value: {"backup/daily"}})
	e.must(e.control.DetachTag(e.ctx, "b", "backup", "daily"))
	e.wantTagged(map[string][]string{})
}

func references(refs []mo.Reference) []types.ManagedObjectReference {
	var out []types.ManagedObjectReference
	for _, ref := range refs {
		out = append(out, ref.Reference())
	}
	return out
}

// A virtual machine that goes loses its tags, and a tag that goes loses its virtual machines.
func TestTagsOfWhatGoes(t *testing.T) {
	e := start(t, sim.Options{})
	daily := e.tag("backup", "daily")
	a, b := e.clone("a"), e.clone("b")
	m := tags.NewManager(e.rest())
	e.must(m.AttachTagToMultipleObjects(e.ctx, daily, []mo.Reference{a, b}))
	e.must(e.control.DestroyVM(e.ctx, "a"))
	e.wantTagged(map[string][]string{b.Value: {"backup/daily"}})
	refs, err := m.ListAttachedObjects(e.ctx, daily)
	e.must(err)
	if len(refs) != 1 || refs[0].Reference() != b {
		t.Errorf("attached objects: %v", refs)
	}
	e.must(e.control.RemoveTag(e.ctx, "backup", "daily"))
	e.wantTagged(map[string][]string{})
	ids, err := m.ListAttachedTags(e.ctx, b)
	e.must(err)
	if len(ids) > 0 {
		t.Errorf("tags of b: %v", ids)
	}
}

// A call on many succeeds, and its answer says what became of each. Govmomi's client does not look at it.
func TestAttachTagToMany(t *testing.T) {
	e := start(t, sim.Options{})
	daily := e.tag("backup", "daily")
	a, b := e.clone("a"), e.clone("b")
	c := e.rest()
	m := tags.NewManager(c)
	e.must(m.AttachTagToMultipleObjects(e.ctx, daily, []mo.Reference{a, goneVM, b}))
	e.wantTagged(map[string][]string{a.Value: {"backup/daily"}, b.Value: {"backup/daily"}})

	path := "/rest/com/vmware/cis/tagging/tag-association/id:" + daily + "?~action=attach-tag-to-multiple-objects"
	object := func(id string) string { return fmt.Sprintf(`{"object_ids":[{"type":"VirtualMachine","id":%q}]}`, id) }
	if status, body := e.send(c, http.MethodPost, path, object(a.Value)); status != http.StatusOK || !strings.Contains(body, `"success":true`) {
		t.Errorf("attached again: %d %s", status, body)
	}
	status, body := e.send(c, http.MethodPost, path, object("vm-gone"))
	if status != http.StatusOK || !strings.Contains(body, `"success":false`) || !strings.Contains(body, "vm-gone failed") {
		t.Errorf("attached to what has gone: %d %s", status, body)
	}
	err := m.AttachTagToMultipleObjects(e.ctx, "urn:vmomi:InventoryServiceTag:none:GLOBAL", []mo.Reference{a})
	wantStatus(t, err, http.StatusNotFound)
	if status, body = e.send(c, http.MethodPost, path, `{"objects":[]}`); status != http.StatusBadRequest {
		t.Errorf("a field that is not known: %d %s", status, body)
	}
}

func TestAttachManyTags(t *testing.T) {
	e := start(t, sim.Options{})
	daily, gold := e.tag("backup", "daily"), e.tag("class", "gold")
	a, b := e.clone("a"), e.clone("b")
	m := tags.NewManager(e.rest())
	e.must(m.AttachMultipleTagsToObject(e.ctx, []string{daily, gold}, a))
	e.must(m.AttachTag(e.ctx, gold, b))
	e.wantTagged(map[string][]string{a.Value: {"backup/daily", "class/gold"}, b.Value: {"class/gold"}})
	none := "urn:vmomi:InventoryServiceTag:none:GLOBAL"
	err := m.AttachMultipleTagsToObject(e.ctx, []string{none, daily}, b)
	var failures tags.BatchErrors
	if !errors.As(err, &failures) || len(failures) != 1 || failures[0].Type != "cis.tagging.objectNotFound.error" {
		t.Errorf("a tag that is not there: %v", err)
	}

	byObject, err := m.ListAttachedTagsOnObjects(e.ctx, []mo.Reference{a, goneVM, b})
	e.must(err)
	if len(byObject) != 2 || byObject[0].ObjectID.Reference() != a || !cmp.Equal(byObject[1].TagIDs, []string{daily, gold}) {
		t.Errorf("tags on objects: %v", byObject)
	}
	byTag, err := m.ListAttachedObjectsOnTags(e.ctx, []string{gold, none})
	e.must(err)
	if len(byTag) != 1 || byTag[0].TagID != gold || !cmp.Equal(references(byTag[0].ObjectIDs), []types.ManagedObjectReference{a, b}) {
		t.Errorf("objects on tags: %v", byTag)
	}
	e.must(m.DetachMultipleTagsFromObject(e.ctx, []string{daily, gold}, a))
	e.wantTagged(map[string][]string{b.Value: {"backup/daily", "class/gold"}})
}

// A category may allow one tag an object, and some types of objects alone.
func TestIneligibleTags(t *testing.T) {
	e := start(t, sim.Options{})
	e.must(e.control.AddTagCategory(e.ctx, control.TagCategory{Name: "backup", Single: true, Types: []string{"VirtualMachine"}}))
	if err := e.control.AddTagCategory(e.ctx, control.TagCategory{Name: "backup"}); err == nil {
		t.Error("one category was made twice")
	}
	daily, never := e.tag("backup", "daily"), e.tag("backup", "never")
	a := e.clone("a")
	m := tags.NewManager(e.rest())
	e.must(m.AttachTag(e.ctx, daily, a))
	e.must(m.AttachTag(e.ctx, daily, a))
	wantStatus(t, m.AttachTag(e.ctx, never, a), http.StatusBadRequest)
	wantStatus(t, m.AttachTag(e.ctx, daily, e.folder), http.StatusBadRequest)
	err := m.AttachMultipleTagsToObject(e.ctx, []string{never}, a)
	if err == nil || !strings.Contains(err.Error(), "cis.tagging.attach.invalidArgument.cardinality.error") {
		t.Errorf("a second tag of the category: %v", err)
	}
	e.wantTagged(map[string][]string{a.Value: {"backup/daily"}})
}

func TestTagsOfTooMany(t *testing.T) {
	e := start(t, sim.Options{})
	daily, a := e.tag("backup", "daily"), e.clone("a")
	m := tags.NewManager(e.rest())
	most := slices.Repeat([]mo.Reference{a}, 2000)
	e.must(m.AttachTagToMultipleObjects(e.ctx, daily, most))
	_, err := m.ListAttachedTagsOnObjects(e.ctx, most)
	e.must(err)
	more := append(most, a)
	wantStatus(t, m.AttachTagToMultipleObjects(e.ctx, daily, more), http.StatusBadRequest)
	_, err = m.ListAttachedTagsOnObjects(e.ctx, more)
	wantStatus(t, err, http.StatusBadRequest)
	ids := slices.Repeat([]string{daily}, 2001)
	wantStatus(t, m.AttachMultipleTagsToObject(e.ctx, ids, a), http.StatusBadRequest)
	_, err = m.ListAttachedObjectsOnTags(e.ctx, ids)
	wantStatus(t, err, http.StatusBadRequest)
}

// Tagging asks for a privilege on the tag and for one on the object. Lists leave out what may not be read.
func TestPrivilegesOfTags(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	daily := e.tag("backup", "daily")
	a := e.own("a").Reference()
	c := e.rest()
	m := tags.NewManager(c)
	many := func() error { return m.AttachTagToMultipleObjects(e.ctx, daily, []mo.Reference{a}) }
	attach := func() error { return m.AttachTag(e.ctx, daily, a) }
	e.must(attach())
	e.must(m.DetachTag(e.ctx, daily, a))

	e.must(e.control.Deny(e.ctx, "InventoryService.Tagging.AttachTag"))
	wantStatus(t, attach(), http.StatusForbidden)
	wantStatus(t, many(), http.StatusForbidden)
	wantStatus(t, m.DetachTag(e.ctx, daily, a), http.StatusForbidden)
	if err := m.AttachMultipleTagsToObject(e.ctx, []string{daily}, a); err == nil || !strings.Contains(err.Error(), "unauthorized") {
		t.Errorf("many tags: %v", err)
	}
	path := "/rest/com/vmware/cis/tagging/tag-association/id:" + daily + "?~action=attach"
	_, body := e.send(c, http.MethodPost, path, fmt.Sprintf(`{"object_id":{"type":"VirtualMachine","id":%q}}`, a.Value))
	if !strings.Contains(body, `"type":"com.vmware.vapi.std.errors.unauthorized"`) || !strings.Contains(body, "InventoryService.Tagging.AttachTag is required on Tag:"+daily) {
		t.Errorf("body: %s", body)
	}
	e.must(e.control.Allow(e.ctx))

	e.must(e.control.DenyOn(e.ctx, a.Value, "InventoryService.Tagging.ObjectAttachable"))
	wantStatus(t, attach(), http.StatusForbidden)
	e.must(many())
	e.wantTagged(map[string][]string{})
	e.must(e.control.Allow(e.ctx))

	e.must(attach())
	e.must(e.control.DenyOn(e.ctx, a.Value, "System.Read"))
	refs, err := m.ListAttachedObjects(e.ctx, daily)
	e.must(err)
	if len(refs) > 0 {
		t.Errorf("objects that may not be read: %v", refs)
	}
	e.must(e.control.Deny(e.ctx, "System.Read"))
	_, err = m.GetTag(e.ctx, daily)
	wantStatus(t, err, http.StatusForbidden)
	ids, err := m.ListCategories(e.ctx)
	e.must(err)
	if len(ids) > 0 {
		t.Errorf("categories that may not be read: %v", ids)
	}
	if v := e.violations(); len(v) > 0 {
		t.Errorf("violations: %v", v)
	}
}

// In strict mode nobody but a virtual machine of ours may be tagged.
func TestTripwireOfTags(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	daily := e.tag("backup", "daily")
	foreign, err := e.control.AddForeignVM(e.ctx, "group", "foreign")
	e.must(err)
	outside, err := e.control.CreateFolder(e.ctx, "elsewhere")
	e.must(err)
	a := e.own("a").Reference()
	m := tags.NewManager(e.rest())
	for reason, call := range map[string]func() error{
		"has no stamp": func() error {
			return m.AttachTagToMultipleObjects(e.ctx, daily, []mo.Reference{a, types.ManagedObjectReference{Type: "VirtualMachine", Value: foreign}})
		},
		"outside the root": func() error { return m.AttachTag(e.ctx, daily, e.template) },
		"is no VM": func() error {
			return m.DetachTag(e.ctx, daily, types.ManagedObjectReference{Type: "Folder", Value: outside})
		},
	} {
		before := len(e.violations())
		wantStatus(t, call(), http.StatusInternalServerError)
		violations := e.violations()
		if len(violations) != before+1 {
			t.Fatalf("%s: %d violations more", reason, len(violations)-before)
		}
		last := violations[before]
		if last.Kind != control.ViolationTripwire || !strings.Contains(last.Reason, reason) || !strings.HasPrefix(last.Method, "tagging.") || !last.Refused {
			t.Errorf("violation %+v, want one because it %s", last, reason)
		}
	}
	e.wantTagged(map[string][]string{})
}
