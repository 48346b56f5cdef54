package vim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// searchedFor is how long the answer of a search of the whole datacenter is kept. It may be out of date: what is cloned is
	// read live.
	searchedFor = 30 * time.Second
	// searchRetry is how long the failure of a search is its answer: so long that all waiting groups learn of it, and that they
	// do not cause the next one at once.
	searchRetry = time.Second
)

// templateSearch is the answer of searches of the whole datacenter. One search at a time serves all groups, and no worker
// waits for it. The life cycle of an answer:
//
//  1. pending: a group looks for a template, and there is no answer, or it is too old. Until the search ends the last answer
//     holds as far as it can, see FindTemplate. Without one, the answer is ErrPending.
//  2. answered: found, for searchedFor, or failed, for searchRetry. The groups whose template was not found are notified.
//  3. forgotten: a clone has shown that the template has changed. A search that was under way by then does not count.
//
// The answer outlives a connection, a failure does not.
type templateSearch struct {
	mu        sync.Mutex
	at        time.Time // of the answer
	found     map[vsphere.Ref]properties
	err       *vsphere.Error
	searching *connection // that searches, or nil
	forgotten bool        // since the search has begun
}

// forget drops the answer.
func (s *templateSearch) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found, s.err, s.forgotten = nil, nil, true
}

// due tells whether the answer is missing or too old. s.mu is held.
func (s *templateSearch) due(now time.Time) bool {
	age := now.Sub(s.at)
	return s.found == nil && s.err == nil || s.err != nil && age >= searchRetry || s.err == nil && age >= searchedFor
}

// begin tells whether a connection is to search now. It searches if so.
func (s *templateSearch) begin(c *connection, now time.Time) bool {
	if s.searching == c || !s.due(now) {
		return false
	}
	s.searching, s.forgotten = c, false
	return true
}

// end notes how a search has ended, unless another connection searches by now. Where vCenter does not answer, the connection
// ends, and all groups are notified.
func (s *templateSearch) end(c *connection, now time.Time, found map[vsphere.Ref]properties, err *vsphere.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.searching != c {
		return
	}
	s.searching = nil
	switch {
	case s.forgotten: // it may have passed by what was changed
	case err == nil:
		s.found, s.err, s.at = found, nil, now
	case err.Class != vsphere.ClassUnavailable:
		s.err, s.at = err, now
	}
}

// lookAround returns the VMs among which templates are looked for, from memory. The error says why that is nothing, or why
// there is nothing newer though it is too old: ErrPending, or what the last search failed with. It begins a search if one is
// due.
func (c *connection) lookAround(ctx context.Context) (surroundings, error) {
	if path := c.v.cfg.TemplateFolder; path != "" {
		where := fmt.Sprintf("below the template folder %q", path)
		folder := c.v.templateFolder()
		if folder == "" {
			return surroundings{where: where + ", which does not exist" + c.v.inv.templateFolderHint()}, nil
		}
		return surroundings{c.v.inv.templatesNow(), folder, where}, nil
	}
	s := &c.v.searched
	s.mu.Lock()
	defer s.mu.Unlock()
	now := c.v.cfg.Clock.Now()
	if s.begin(c, now) && !c.search(ctx) {
		s.searching = nil
		return surroundings{}, errConnectionEnded
	}
	var around surroundings
	if s.found != nil {
		around = surroundings{s.found, "", "in datacenter " + c.site.datacenterPath}
	}
	switch {
	case s.err != nil:
		return around, s.err
	case s.due(now):
		return around, vsphere.ErrPending
	}
	return around, nil
}

// search searches the datacenter beside the workers, and then notifies the groups whose template was not found. It returns
// false if the connection has ended.
func (c *connection) search(ctx context.Context) bool {
	c.requests.mu.Lock()
	defer c.requests.mu.Unlock()
	if c.requests.ended {
		return false
	}
	c.requests.start(ctx, func(ctx context.Context) {
		found, err := c.readTemplates(ctx)
		c.v.searched.end(c, c.v.cfg.Clock.Now(), found, err)
		var t touched
		c.v.notifyWaiting(&t)
		c.v.settle(&t)
	})
	return true
}

// readTemplates reads what tells which VMs of the datacenter are templates.
func (c *connection) readTemplates(ctx context.Context) (map[vsphere.Ref]properties, *vsphere.Error) {
	objects, err := c.retrieveView(ctx, c.allVMs, propSpec("VirtualMachine", templateProps()...))
	if err != nil {
		return nil, c.v.fail("Look for templates", err)
	}
	found := make(map[vsphere.Ref]properties, len(objects))
	for _, o := range objects {
		found[vsphere.Ref(o.ref.Value)] = o.props
	}
	return found, nil
}

// searchAgain searches once more for the groups whose template was not found, when the answer is too old: no event tells them
// that it has come.
func (c *connection) searchAgain(ctx context.Context) {
	c.v.mu.Lock()
	waiting := false
	for _, l := range c.v.lookups {
		waiting = waiting || l.waits
	}
	c.v.mu.Unlock()
	if waiting && c.v.cfg.TemplateFolder == "" {
		_, _ = c.lookAround(ctx) // which begins the search
	}
}

// nearTemplates tells whether a folder is the template folder or lies below it.
func (v *VCenter) nearTemplates(folder vsphere.Ref) bool {
	top := v.templateFolder()
	v.inv.mu.Lock()
	defer v.inv.mu.Unlock()
	return top != "" && v.inv.within(folder, top)
}

// templatesNow returns the VMs below the template folder.
func (inv *inventory) templatesNow() map[vsphere.Ref]properties {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return maps.Clone(inv.templates)
}

// errTemplateHidden means that a template is there, and that vCenter does not show what it is.
var errTemplateHidden = &vsphere.Error{
	Class: vsphere.ClassTransient, Reason: reasonRetrying,
	Message: "vCenter does not show what the template is, and is asked again. If that lasts, the controller's account may not read it (System.Read).",
}

// readTemplate reads a template live and returns the device keys of its disks: those that a clone is born with. It fails
// with ReasonTemplateChanged, and the answer that it was found by is forgotten, if it
//
//  1. is gone
//  2. has another path, be it renamed or moved, or a folder on the way
//  3. cannot be cloned from any more (see unusable)
func (c *connection) readTemplate(ctx context.Context, t vsphere.Template) ([]int32, error) {
	ref := vmRef(t.Ref)
	o, err := c.retrieveOne(ctx, ref, append(templateProps(), propDevices)...)
	switch {
	case isGone(err, ref):
		return nil, c.v.templateChanged(t, nil, "it is gone")
	case err != nil:
		return nil, err
	case len(o.props) == 0:
		return nil, errNothingReadable
	case !o.props.configured():
		return nil, errTemplateHidden
	}
	c.v.inv.mu.Lock()
	now := c.v.inv.candidate(t.Ref, o.props)
	c.v.inv.mu.Unlock()
	if now.path != t.Path || o.props.ref(propParent) != t.Parent { // of a path that is not visible as a whole, little is left
		return nil, c.v.templateChanged(t, o.props, "it is "+now.path+" now")
	}
	if why := unusable(now); why != "" {
		return nil, c.v.templateChanged(t, o.props, why)
	}
	if !o.props.showsDisks() { // a clone whose own disks seem to be somebody else's could never be destroyed
		return nil, errDisksHidden
	}
	return o.props.diskKeys(), nil
}

// templateChanged forgets the answer that a template was found by, and says why. props are what was read of it, nil if it
// is gone. What a filter has told is brought up to date; that the VM has left the folder is for the filter to tell.
func (v *VCenter) templateChanged(t vsphere.Template, props properties, why string) *vsphere.Error {
	v.reads.forget()
	if v.cfg.TemplateFolder == "" {
		v.searched.forget()
	} else {
		v.inv.refreshTemplate(t.Ref, props)
	}
	return &vsphere.Error{
		Class: vsphere.ClassConflict, Reason: vsphere.ReasonTemplateChanged,
		Message: fmt.Sprintf("Template %s is not what it was: %s. It is looked up again.", t.Path, why),
	}
}

// refreshTemplate takes over what was read of a VM below the template folder; nil, that it is gone.
func (inv *inventory) refreshTemplate(ref vsphere.Ref, props properties) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.newsAround++
	if props == nil {
		delete(inv.templates, ref)
		return
	}
	if _, watched := inv.templates[ref]; watched {
		inv.templates[ref] = maps.Clone(props)
		delete(inv.templates[ref], propDevices)
	}
}

// wantedTemplate is what spec.template stands for.
type wantedTemplate struct {
	name string
	bare bool   // a mere name, which may lie anywhere
	path string // the whole inventory path; of a mere name, the name
}

// wanted returns what a name or path stands for. A path that is not a whole one begins in the template folder.
func (inv *inventory) wanted(path string) wantedTemplate {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	names := vsphere.PathNames(path)
	name := names[len(names)-1]
	switch {
	case vsphere.WholePath(path):
		return wantedTemplate{name: name, path: vsphere.Path(names...)}
	case len(names) == 1:
		return wantedTemplate{name: name, path: name, bare: true}
	default:
		return wantedTemplate{name: name, path: vsphere.Path(slices.Concat(inv.topPath, inv.templateNames, names)...)}
	}
}

func (w wantedTemplate) isNamed(name string) bool { return name == w.name }

// mayLookLike tells whether people may take a name for the one that is wanted. It may be the same, in another folder.
func (w wantedTemplate) mayLookLike(name string) bool {
	return name == w.name || vsphere.LooksLike(w.name, name) != ""
}

// of returns what of a VM is compared.
func (w wantedTemplate) of(c candidate) string {
	if w.bare {
		return c.props.name()
	}
	return c.path
}

// is compares exactly.
func (w wantedTemplate) is(c candidate) bool { return w.of(c) == w.path }

// hint names the one of some VMs that people may take for the one that is wanted: a template, if one of them is. Without any
// it is empty. What lies below the root folder concerns only whose it is.
func (w wantedTemplate) hint(some []candidate) string {
	alike := slices.DeleteFunc(some, func(c candidate) bool { return c.underRoot || vsphere.LooksLike(w.path, w.of(c)) == "" })
	if len(alike) == 0 {
		return ""
	}
	best := alike[max(0, slices.IndexFunc(alike, func(c candidate) bool { return unusable(c) == "" }))]
	return fmt.Sprintf(" %s looks the same, and differs in %s: its name is %+q, and %+q was looked for.",
		best.path, vsphere.LooksLike(w.path, w.of(best)), w.of(best), w.path)
}

// templateFolderHint names a folder that people may take for the first on the way to the template folder that does not exist.
func (inv *inventory) templateFolderHint() string {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	parent := inv.top
	for _, name := range inv.templateNames {
		next, ok := inv.byName[childKey{parent, name}]
		if !ok {
			return inv.folderHint(parent, name)
		}
		parent = next
	}
	return ""
}

// folderHint names a folder in another that people may take for one that does not exist. inv.mu is held.
func (inv *inventory) folderHint(parent vsphere.Ref, name string) string {
	var hints []string
	for key := range inv.byName {
		if how := vsphere.LooksLike(name, key.name); key.parent == parent && how != "" {
			hints = append(hints, fmt.Sprintf(" (a folder there looks the same, and differs in %s: its name is %+q, and %+q was looked for)",
				how, key.name, name))
		}
	}
	if len(hints) == 0 {
		return ""
	}
	return slices.Min(hints)
}
