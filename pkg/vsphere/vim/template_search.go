package vim

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

const (
	// searchedFor is how long the answer of a search of the whole datacenter is kept. It may be out of date: what is cloned is
	// read live.
	searchedFor = 30 * time.Second
	// searchRetry is how long the failure of a search is its answer: so long that all who wait are told, and that they do not
	// cause the next one at once.
	searchRetry = time.Second
)

// templateSearch is what is known from searches of the whole datacenter. One search at a time serves all groups, and no
// worker waits for it. The life cycle of an answer:
//
//  1. searching: somebody looks for a template, and the last answer is missing or too old. Until the search ends the last
//     answer serves as far as it can, see FindTemplate; without one it is ErrPending.
//  2. found, for searchedFor, or failed, for searchRetry: the groups whose template was not found are notified.
//  3. forgotten: a template was not what it had been found as. A search that was under way by then does not count.
//
// The answer outlives a connection, a failure does not.
type templateSearch struct {
	mu        sync.Mutex
	at        time.Time // of the answer
	found     map[vsphere.Ref]inventory.Properties
	err       *vsphere.Error
	searching *asks // of the connection that searches, or nil
	forgotten bool  // since the search has begun
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
func (s *templateSearch) begin(by *asks, now time.Time) bool {
	if s.searching == by || !s.due(now) {
		return false
	}
	s.searching, s.forgotten = by, false
	return true
}

// end notes how a search has ended, unless another connection searches by now. That vCenter does not answer is no answer: the
// connection ends, and everybody is woken.
func (s *templateSearch) end(by *asks, now time.Time, found map[vsphere.Ref]inventory.Properties, err *vsphere.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.searching != by {
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

// templateSource returns the VMs among which templates are looked for, from memory. The error says why that is nothing, or why
// there is nothing newer though it is too old: ErrPending, or what the last search failed with. It begins a search if one is
// due.
func (c *connection) templateSource(ctx context.Context) (templateSource, error) {
	if path := c.cfg.TemplateFolder; path != "" {
		where := fmt.Sprintf("below the template folder %q", path)
		folder := c.inv.TemplateFolder()
		if folder == "" {
			return templateSource{where: where + ", which does not exist" + c.templateFolderHint()}, nil
		}
		return templateSource{c.inv.Templates(), folder, where}, nil
	}
	s := &c.searched
	s.mu.Lock()
	defer s.mu.Unlock()
	now := c.cfg.Clock.Now()
	if s.begin(c.asks, now) && !c.search(ctx) {
		s.searching = nil
		return templateSource{}, errConnectionEnded
	}
	var source templateSource
	if s.found != nil {
		source = templateSource{s.found, "", "in datacenter " + c.site.datacenterPath}
	}
	switch {
	case s.err != nil:
		return source, s.err
	case s.due(now):
		return source, vsphere.ErrPending
	}
	return source, nil
}

// search searches the datacenter beside the workers, and then wakes the groups whose template was not found. It returns false
// if the connection has ended.
func (c *connection) search(ctx context.Context) bool {
	c.asks.mu.Lock()
	defer c.asks.mu.Unlock()
	if c.asks.ended {
		return false
	}
	c.asks.start(ctx, func(ctx context.Context) {
		found, err := c.readTemplates(ctx)
		c.searched.end(c.asks, c.cfg.Clock.Now(), found, err)
		var ch inventory.Changes
		c.addWaitingLookups(&ch)
		c.publish(&ch)
	})
	return true
}

// readTemplates reads what tells which VMs of the datacenter are templates.
func (c *connection) readTemplates(ctx context.Context) (map[vsphere.Ref]inventory.Properties, *vsphere.Error) {
	objects, err := c.retrieveView(ctx, c.allVMs, propSpec("VirtualMachine", templateProps()...))
	if err != nil {
		return nil, c.fail("Look for templates", err)
	}
	found := make(map[vsphere.Ref]inventory.Properties, len(objects))
	for _, o := range objects {
		found[vsphere.Ref(o.ref.Value)] = o.props.ofVM()
	}
	return found, nil
}

// searchAgain searches for the groups whose template was not found, once the answer is too old: nothing else would tell them
// that it has come.
func (c *connection) searchAgain(ctx context.Context) {
	c.shared.mu.Lock()
	waiting := false
	for _, l := range c.lookups {
		waiting = waiting || l.waits
	}
	c.shared.mu.Unlock()
	if waiting && c.cfg.TemplateFolder == "" {
		_, _ = c.templateSource(ctx) // which begins the search
	}
}

// inTemplateFolder tells whether a folder is the template folder or lies below it.
func (s *shared) inTemplateFolder(folder vsphere.Ref) bool {
	top := s.inv.TemplateFolder()
	return top != "" && s.inv.Within(folder, top)
}

// errTemplateHidden means that a template is there, and that vCenter does not show what it is.
var errTemplateHidden = &vsphere.Error{
	Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
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
		return nil, c.templateChanged(t, nil, "it is gone")
	case err != nil:
		return nil, err
	case len(o.props) == 0:
		return nil, errNothingReadable
	case !o.props.configured():
		return nil, errTemplateHidden
	}
	now := c.candidate(t.Ref, o.props.ofVM())
	if now.path != t.Path || o.props.ref(propParent) != t.Parent { // of a path that is not visible as a whole, little is left
		return nil, c.templateChanged(t, o.props, "it is "+now.path+" now")
	}
	if why := unusable(now); why != "" {
		return nil, c.templateChanged(t, o.props, why)
	}
	if !o.props.showsDisks() { // a clone whose own disks seem to be somebody else's could never be destroyed
		return nil, errDisksHidden
	}
	return o.props.diskKeys(), nil
}

// templateChanged forgets the answer that a template was found by, and says why. props are what was read of it, nil if it
// is gone. What a filter has told is brought up to date; that the VM has left the folder is for the filter to tell.
func (s *shared) templateChanged(t vsphere.Template, props properties, why string) *vsphere.Error {
	s.reads.forget()
	if s.cfg.TemplateFolder == "" {
		s.searched.forget()
	} else if props == nil {
		s.inv.DeleteTemplate(t.Ref)
	} else {
		s.inv.SetTemplate(t.Ref, props.ofVM())
	}
	return &vsphere.Error{
		Class: vsphere.ClassConflict, Reason: vsphere.ReasonTemplateChanged,
		Message: fmt.Sprintf("Template %s is not what it was: %s. It is looked up again.", t.Path, why),
	}
}

// wantedTemplate is what spec.template stands for.
type wantedTemplate struct {
	name string
	bare bool   // a mere name, which may lie anywhere
	path string // the whole inventory path; of a mere name, the name
}

// wanted returns what a name or path stands for. A path that is not a whole one begins in the template folder.
func (s *site) wanted(path string) wantedTemplate {
	names := vsphere.PathNames(path)
	name := names[len(names)-1]
	switch {
	case vsphere.WholePath(path):
		return wantedTemplate{name: name, path: vsphere.Path(names...)}
	case len(names) == 1:
		return wantedTemplate{name: name, path: name, bare: true}
	default:
		return wantedTemplate{name: name, path: vsphere.Path(slices.Concat(s.vmFolderPath, s.templates, names)...)}
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
		return c.props.Name
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
func (c *connection) templateFolderHint() string {
	parent := vsphere.Ref(c.site.vmFolder.Value)
	for _, name := range c.site.templates {
		next, ok := c.inv.Child(parent, name)
		if !ok {
			return folderHint(name, c.inv.ChildNames(parent))
		}
		parent = next
	}
	return ""
}

// folderHint names one of some folders that people may take for one that does not exist.
func folderHint(wanted string, names []string) string {
	var hints []string
	for _, name := range names {
		if how := vsphere.LooksLike(wanted, name); how != "" {
			hints = append(hints, fmt.Sprintf(" (a folder there looks the same, and differs in %s: its name is %+q, and %+q was looked for)",
				how, name, wanted))
		}
	}
	if len(hints) == 0 {
		return ""
	}
	return slices.Min(hints)
}
