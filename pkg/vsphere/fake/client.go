package fake

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// Config is one controller. Its zero value is usable.
type Config struct {
	// Owner is the controller's identity in stamps. Default "fake".
	Owner string
	// Root is the path of the root folder. Default VMFolder + "/vmgroups".
	Root string
	// TemplateFolder is the path of the folder that templates are looked for in. Default: VMFolder.
	TemplateFolder string
	// MaxClones, MaxPower and MaxDestroys bound the operations under way at once. Default 16 each.
	MaxClones, MaxPower, MaxDestroys int
	// CloneTimeout is the deadline of a clone. Default 30 min.
	CloneTimeout time.Duration
	// Notifier may be nil. It is called without any lock held.
	Notifier vsphere.Notifier
	// Guard is asked before any request that changes something. Default: nothing is forbidden.
	Guard func() error
}

// Client is one connection to a VCenter. It implements vsphere.Interface.
type Client struct {
	vc      *VCenter
	cfg     Config
	tracker *operations.Tracker
	outbox  *outbox

	// Below is guarded by vc.mu.
	known   map[vsphere.Ref]bool       // VMs that it has seen, wherever they are now
	disks   map[vsphere.Ref]*diskRead  // of those whose disks were asked for
	lookups map[string]vsphere.GroupID // groups whose template was not found, by UID
	// absences are the VMs with a stamp of ours that have become unreadable, or were destroyed by others.
	absences *operations.Absences
	versions *operations.Versions
	answers  answers
	classes  []vsphere.ClassSpec
	wants    map[string]vsphere.Association // by the UIDs of the groups
}

var _ vsphere.Interface = (*Client)(nil)

func newClient(v *VCenter, cfg Config) *Client {
	cfg.Owner = cmp.Or(cfg.Owner, "fake")
	cfg.Root = cmp.Or(cfg.Root, VMFolder+"/vmgroups")
	cfg.TemplateFolder = cmp.Or(cfg.TemplateFolder, VMFolder)
	cfg.CloneTimeout = cmp.Or(cfg.CloneTimeout, 30*time.Minute)
	box, vms := &outbox{}, &members{}
	c := &Client{
		vc:     v,
		cfg:    cfg,
		outbox: box,
		wants:  map[string]vsphere.Association{},
		tracker: operations.New(operations.Config{
			MaxClones:    cmp.Or(cfg.MaxClones, 16),
			MaxPower:     cmp.Or(cfg.MaxPower, 16),
			MaxDestroys:  cmp.Or(cfg.MaxDestroys, 16),
			CloneTimeout: cfg.CloneTimeout,
			Clock:        v.clock,
			Owner:        cfg.Owner,
			Notifier:     box,
			Members:      vms,
			OverLimit:    v1alpha1.ReasonLimitExceeded,
		}),
		known:    map[vsphere.Ref]bool{},
		disks:    map[vsphere.Ref]*diskRead{},
		lookups:  map[string]vsphere.GroupID{},
		absences: operations.NewAbsences(v.clock),
		versions: operations.NewVersions(),
		answers:  answers{sweepFor: map[vsphere.GroupID]bool{}},
	}
	vms.Client = c
	return c
}

// Close disconnects the client: it is told nothing any more, as if its process had died. What it has submitted goes on.
func (c *Client) Close() {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	c.vc.clients = slices.DeleteFunc(c.vc.clients, func(o *Client) bool { return o == c })
}

// Snapshot implements vsphere.Interface.
func (c *Client) Snapshot(_ context.Context, g vsphere.GroupID, class string) (vsphere.Snapshot, error) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.read(Snapshot, g); err != nil {
		return vsphere.Snapshot{}, err
	}
	c.tracker.Know(g, class)
	s := vsphere.Snapshot{
		VCenter:    c.vc.uuid,
		Owner:      c.cfg.Owner,
		RootExists: c.vc.find(c.cfg.Root) != nil,
		Path:       c.folderPath(g),
		Zones:      c.zones(class),
		Networks:   c.networks(class),
		Released:   c.wants[g.UID].Apart == vsphere.ReleaseApart,

		ClonesToCome:  c.tracker.ClonesToCome(g.UID),
		Disappearance: c.absences.Current(),
		Swept:         c.answers.swept,
		SweepErr:      c.answers.sweepErr,
	}
	s.Operations, s.Failures = c.tracker.Of(g.UID)
	s.PowerOns = c.tracker.PowerOns(g.UID)
	s.Folders = c.foldersOf(g)
	for ref := range c.known {
		m := c.vc.machines[ref]
		inFolder := slices.ContainsFunc(s.Folders, func(f vsphere.Folder) bool { return f.Ref == m.Parent })
		if inFolder || c.stamped(m, g.UID) {
			vm := c.view(m)
			s.VMs = append(s.VMs, &vm)
		}
	}
	slices.SortFunc(s.VMs, func(a, b *vsphere.VM) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref))
	})
	return c.versions.Number(g, s), nil
}

// foldersOf returns the folder with the group's path, and those below the root that hold a VM with its stamp.
func (c *Client) foldersOf(g vsphere.GroupID) []vsphere.Folder {
	refs := map[vsphere.Ref]bool{}
	if f := c.vc.find(c.folderPath(g)); f != nil {
		refs[f.ref] = true
	}
	for ref := range c.known {
		if m := c.vc.machines[ref]; c.stamped(m, g.UID) && c.depth(m.Parent) > 0 {
			refs[m.Parent] = true
		}
	}
	var out []vsphere.Folder
	for ref := range refs {
		f := c.vc.folders[ref]
		out = append(out, vsphere.Folder{
			Ref: ref, Name: f.name, Path: c.vc.path(ref), Parent: f.parent,
			UnderRoot: true, Children: c.vc.children(ref),
		})
	}
	slices.SortFunc(out, func(a, b vsphere.Folder) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// Stamped implements vsphere.Interface.
func (c *Client) Stamped(context.Context) ([]vsphere.VM, error) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.ready(); err != nil {
		return nil, err
	}
	var out []vsphere.VM
	for ref := range c.known {
		m := c.vc.machines[ref]
		if !c.isOurs(m) {
			continue
		}
		if is := vsphere.Identify(c.cfg.Owner, m.Stamp.UID, m.VM); is == vsphere.Ours || is == vsphere.ConvertedToTemplate {
			out = append(out, c.view(m))
		}
	}
	slices.SortFunc(out, func(a, b vsphere.VM) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref)) })
	return out, nil
}

// Verify implements vsphere.Interface.
func (c *Client) Verify(_ context.Context, g vsphere.GroupID, vms []vsphere.Ref) error {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.ready(); err != nil {
		return err
	}
	return c.request(g, fmt.Sprint(Verify, vms), func() error { return c.verify(g, vms) })
}

func (c *Client) verify(g vsphere.GroupID, vms []vsphere.Ref) error {
	if f, ok := c.vc.fault(Verify, g.Name); ok {
		return f.Err
	}
	for _, ref := range vms {
		m := c.vc.machines[ref]
		switch {
		case m == nil:
			c.tracker.Gone(ref)
		case c.stamped(m, g.UID):
			c.discover(m)
		}
	}
	return nil
}

// Forget implements vsphere.Interface.
func (c *Client) Forget(g vsphere.GroupID) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	c.tracker.Forget(g.UID)
	c.versions.Forget(g)
	c.forgetAnswers(g)
	delete(c.lookups, g.UID)
}

// ready fails while the vCenter does not answer.
func (c *Client) ready() error {
	if c.vc.outage || !slices.Contains(c.vc.clients, c) {
		return newError(vsphere.ClassUnavailable, v1alpha1.ReasonVCenterUnreachable, "vCenter does not answer")
	}
	return nil
}

// read fails if a reading call does.
func (c *Client) read(method Method, g vsphere.GroupID) error {
	if err := c.ready(); err != nil {
		return err
	}
	if f, ok := c.vc.fault(method, g.Name); ok {
		return f.Err
	}
	return nil
}

// write fails if nothing may be changed.
func (c *Client) write() error {
	if c.cfg.Guard != nil {
		if err := c.cfg.Guard(); err != nil {
			return err
		}
	}
	return c.ready()
}

// observe takes note of a VM that was made or has changed: the client watches what is below its root, and follows what
// has left it.
func (c *Client) observe(m *machine) {
	if c.known[m.Ref] || c.vc.below(m.Parent, c.cfg.Root) {
		c.discover(m)
		c.notify(m)
	}
	if m.Unreadable && c.isOurs(m) {
		c.absences.Left(m.Ref)
	} else {
		c.absences.Dismiss(m.Ref)
	}
	c.tracker.RoomIn("") // perhaps
}

// lose takes note of a VM that is gone.
func (c *Client) lose(m *machine) {
	if c.known[m.Ref] && c.isOurs(m) {
		c.absences.Gone(m.Ref)
	}
	delete(c.known, m.Ref)
	delete(c.disks, m.Ref)
	c.tracker.Gone(m.Ref)
	c.tracker.RoomIn("") // perhaps
	c.notify(m)
}

// assess finds out whether many VMs have disappeared at once. When that begins or ends, it concerns every group.
func (c *Client) assess() {
	known := 0
	for ref := range c.known {
		if c.isOurs(c.vc.machines[ref]) {
			known++
		}
	}
	if c.absences.Assess(known) {
		c.outbox.NotifyAll()
	}
}

// discover takes note of a VM wherever it is.
func (c *Client) discover(m *machine) {
	if !c.known[m.Ref] {
		c.known[m.Ref] = true
		c.notify(m)
	}
	c.tracker.Observed(c.view(m))
	if m.Stamp == nil {
		return
	}
	if is := vsphere.Identify(c.cfg.Owner, m.Stamp.UID, m.VM); is == vsphere.Ours || is == vsphere.ConvertedToTemplate {
		c.tracker.Seen(m.Stamp.UID, m.Ref, m.Name)
	}
}

// look resolves the operations whose answer was lost: they have ended, or never begun.
func (c *Client) look() {
	if c.ready() != nil {
		return
	}
	for _, p := range c.tracker.Unknowns() {
		c.tracker.Resolved(p.ID)
		c.outbox.Notify(p.Group)
	}
}

// isOurs is true if a VM carries a stamp of ours, of whatever group.
func (c *Client) isOurs(m *machine) bool { return m.Stamp != nil && m.Stamp.Owner == c.cfg.Owner }

// stamped is true if a VM carries the stamp of a group, be it ours or a copy.
func (c *Client) stamped(m *machine, uid string) bool {
	return c.isOurs(m) && m.Stamp.UID == uid
}

// view returns m as this client sees it; it shares nothing with m.
func (c *Client) view(m *machine) vsphere.VM {
	vm := c.vc.view(m)
	vm.UnderRoot = c.underRoot(m)
	vm.DiskBytes = 0
	if d := c.disks[m.Ref]; d != nil {
		vm.DiskBytes = d.bytes
	}
	return vm
}

// underRoot is true if a VM lies in the root folder or below it.
func (c *Client) underRoot(m *machine) bool { return c.vc.below(m.Parent, c.cfg.Root) }

// depth is how far below the root a folder is: 0 for the root and for folders elsewhere, 1 for namespaces, 2 for groups.
func (c *Client) depth(ref vsphere.Ref) int {
	rest, ok := strings.CutPrefix(c.vc.path(ref), c.cfg.Root+"/")
	if !ok {
		return 0
	}
	return len(vsphere.PathNames(rest))
}

func (c *Client) folderPath(g vsphere.GroupID) string {
	return path.Join(c.cfg.Root, g.Namespace, g.Name)
}

// notify wakes the groups that a VM concerns: the one of its stamp, and the one whose folder it is in.
func (c *Client) notify(m *machine) {
	if c.isOurs(m) {
		c.outbox.Notify(vsphere.GroupID{UID: m.Stamp.UID})
	}
	if c.depth(m.Parent) == 2 {
		namespace := c.vc.folders[c.vc.folders[m.Parent].parent]
		c.outbox.Notify(vsphere.GroupID{Namespace: namespace.name, Name: c.vc.folders[m.Parent].name})
	}
}
