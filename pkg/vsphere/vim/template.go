package vim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// searchedFor is how long the answer of a search of the whole datacenter is kept.
const searchedFor = 30 * time.Second

// templateSearch is the answer of the last search of the whole datacenter. One search serves all groups.
type templateSearch struct {
	mu    sync.Mutex // held over the search
	at    time.Time
	found map[vsphere.Ref]properties

	// disks are the disk keys of templates that were found, kept as long as the answer.
	disksMu sync.Mutex
	disks   map[vsphere.Ref][]int32
}

// expired tells whether the next look-up searches again. It does not wait for a search that is under way.
func (s *templateSearch) expired(now time.Time) bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	return s.found == nil || now.Sub(s.at) >= searchedFor
}

// forget drops the answer.
func (s *templateSearch) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disksMu.Lock()
	defer s.disksMu.Unlock()
	s.found, s.disks = nil, nil
}

// candidate is a VM whose name or path may be the one that a group asks for.
type candidate struct {
	ref   vsphere.Ref
	path  string // inventory path
	props properties
}

// FindTemplate resolves spec.template: a name, a path below the template folder (or, where none is set, below the
// datacenter's VM folder), or a whole inventory path, which begins with a slash. In order:
//
//  1. it names nothing: TemplateEmpty
//  2. no VM of that name or path, outside the root folder: TemplateNotFound
//  3. only VMs that are no templates, or carry the stamp of a VmGroup: TemplateUnusable
//  4. several templates: TemplateAmbiguous, with their paths
//  5. the one template
func (v *VCenter) FindTemplate(ctx context.Context, g vsphere.GroupID, path string) (vsphere.Template, error) {
	t, err := v.findTemplate(ctx, path)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.lookingFor[g] = true
		return vsphere.Template{}, err
	}
	delete(v.lookingFor, g)
	return t, nil
}

func (v *VCenter) findTemplate(ctx context.Context, path string) (vsphere.Template, error) {
	if len(pathNames(path)) == 0 {
		return vsphere.Template{}, templateError(reasonTemplateEmpty, "spec.template is empty. Name a template.")
	}
	c, err := v.synced()
	if err != nil {
		return vsphere.Template{}, err
	}
	all, where, err := c.templateCandidates(ctx)
	if err != nil {
		return vsphere.Template{}, v.fail("Look for template "+path, err)
	}
	var named, usable []candidate
	for _, cand := range v.inv.named(all, path, v.cfg.TemplateFolder) {
		named = append(named, cand)
		if cand.props.flag(propTemplate) && cand.props[propStamp] == nil {
			usable = append(usable, cand)
		}
	}
	switch {
	case len(named) == 0:
		return vsphere.Template{}, templateError(reasonTemplateNotFound, fmt.Sprintf(
			"No template %q was found %s. Correct spec.template, or add the template.", path, where))
	case len(usable) == 0:
		return vsphere.Template{}, templateError(reasonTemplateUnusable, fmt.Sprintf(
			"%s cannot be cloned from: it is no template, or it belongs to a VmGroup. Convert it to a template, or name another.", named[0].path))
	case len(usable) > 1:
		return vsphere.Template{}, templateError(reasonTemplateAmbiguous, fmt.Sprintf(
			"Several templates are named %q. Give the path of one: %s.", path, pathsOf(usable)))
	}
	if _, err := c.diskKeys(ctx, usable[0].ref); err != nil {
		return vsphere.Template{}, v.fail("Read the disks of template "+path, err)
	}
	return vsphere.Template{Ref: usable[0].ref, Path: usable[0].path}, nil
}

// wakeSeekers wakes the groups whose template was not found once the answer of the search has expired, where nothing
// else would: it costs no call until they ask again.
func (v *VCenter) wakeSeekers() {
	if v.cfg.TemplateFolder != "" || !v.searched.expired(v.cfg.Clock.Now()) {
		return
	}
	v.mu.Lock()
	seekers := v.lookingFor
	v.lookingFor = map[vsphere.GroupID]bool{}
	v.mu.Unlock()
	for g := range seekers {
		v.cfg.Notifier.Notify(g)
	}
}

func templateError(reason, message string) *vsphere.Error {
	return &vsphere.Error{Class: vsphere.ClassInvalid, Reason: reason, Message: message}
}

func pathsOf(candidates []candidate) string {
	var paths []string
	for _, c := range candidates {
		paths = append(paths, c.path)
	}
	slices.Sort(paths)
	return strings.Join(paths, ", ")
}

// templateCandidates returns the VMs among which templates are looked for, and says where that is.
func (c *connection) templateCandidates(ctx context.Context) (map[vsphere.Ref]properties, string, error) {
	if folder := c.v.cfg.TemplateFolder; folder != "" {
		where := fmt.Sprintf("below the template folder %q", folder)
		if c.v.templateFolder() == "" {
			where += ", which does not exist"
		}
		return c.v.inv.templatesNow(), where, nil
	}
	s := &c.v.searched
	s.mu.Lock()
	defer s.mu.Unlock()
	where := "in datacenter " + c.place.datacenterPath
	if s.found != nil && c.v.cfg.Clock.Since(s.at) < searchedFor {
		return s.found, where, nil
	}
	objects, err := c.retrieveView(ctx, c.allVMs, propSpec("VirtualMachine", propName, propParent, propTemplate, propStamp))
	if err != nil {
		return nil, where, err
	}
	s.found, s.at = map[vsphere.Ref]properties{}, c.v.cfg.Clock.Now()
	for _, o := range objects {
		s.found[vsphere.Ref(o.ref.Value)] = o.props
	}
	s.disksMu.Lock()
	defer s.disksMu.Unlock()
	s.disks = nil
	return s.found, where, nil
}

// templatesNow returns the VMs below the template folder.
func (inv *inventory) templatesNow() map[vsphere.Ref]properties {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return maps.Clone(inv.templates)
}

// named returns the VMs that a name or a path stands for. What lies below the root folder is left out: a VM of a group
// is never a template.
func (inv *inventory) named(all map[vsphere.Ref]properties, path, base string) []candidate {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	wanted := pathNames(path)
	whole := "/" + strings.Join(wanted, "/")
	if !strings.HasPrefix(path, "/") {
		whole = inv.basePath + "/" + strings.Join(append(pathNames(base), wanted...), "/")
	}
	bare := len(wanted) == 1 && !strings.HasPrefix(path, "/")
	var found []candidate
	for ref, props := range all {
		if props.text(propName) != wanted[len(wanted)-1] {
			continue
		}
		parent := props.ref(propParent)
		at := inv.pathOf(parent) + "/" + props.text(propName)
		if (bare || at == whole) && parent != inv.root && !inv.underRoot(parent) {
			found = append(found, candidate{ref, at, props})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return strings.Compare(a.path, b.path) })
	return found
}

// diskKeys returns the device keys of a template's disks: those that a clone is born with.
func (c *connection) diskKeys(ctx context.Context, template vsphere.Ref) ([]int32, error) {
	c.v.inv.mu.Lock()
	props, watched := c.v.inv.templates[template]
	c.v.inv.mu.Unlock()
	if watched && props.showsDisks() {
		return props.diskKeys(), nil
	}
	s := &c.v.searched
	s.disksMu.Lock()
	defer s.disksMu.Unlock()
	if keys, ok := s.disks[template]; ok {
		return keys, nil
	}
	o, err := c.retrieveOne(ctx, vmRef(template), propDevices)
	if err != nil {
		return nil, err
	}
	if !o.props.showsDisks() { // a clone whose own disks seem to be somebody else's could never be destroyed
		return nil, errDisksHidden
	}
	if s.disks == nil {
		s.disks = map[vsphere.Ref][]int32{}
	}
	s.disks[template] = o.props.diskKeys()
	return s.disks[template], nil
}

// applyTemplate takes over what the collector says of a VM below the template folder, and wakes the groups that look for
// one.
func (v *VCenter) applyTemplate(ref vsphere.Ref, left bool, u types.ObjectUpdate, t *touched) {
	v.inv.mu.Lock()
	old := v.inv.templates[ref]
	props := properties{}
	if u.Kind == types.ObjectUpdateKindModify {
		maps.Copy(props, old) // readers hold the old map
	}
	props.apply(u.ChangeSet)
	if left {
		delete(v.inv.templates, ref)
	} else {
		v.inv.templates[ref] = props
	}
	v.inv.newsAround++
	v.inv.mu.Unlock()
	v.wakeLookers(t)
}

// wakeLookers notes the groups whose template was not found.
func (v *VCenter) wakeLookers(t *touched) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for g := range v.lookingFor {
		t.group(g)
	}
}
