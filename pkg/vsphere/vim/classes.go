package vim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// placeAgainAfter is how soon it is looked again where VMs are made, while anything that a class names is not there.
const placeAgainAfter = 20 * time.Second

// classList are the classes that there are. It is safe for concurrent use.
type classList struct {
	mu    sync.Mutex
	specs []vsphere.ClassSpec
	// version moves with each change.
	version int
}

func (l *classList) set(specs []vsphere.ClassSpec) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.specs = specs
	l.version++
}

// all returns the classes. The first one is that of the flags, which has no name.
func (l *classList) all(cfg *Config) ([]vsphere.ClassSpec, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	flags := vsphere.ClassSpec{TemplateFolder: cfg.TemplateFolder, Zones: []vsphere.ZoneSpec{{
		Cluster: cfg.Cluster, ResourcePool: cfg.ResourcePool, Datastore: cfg.Datastore, Host: cfg.Host,
	}}}
	return append([]vsphere.ClassSpec{flags}, l.specs...), l.version
}

// hasTags reports whether a class has tags.
func (l *classList) hasTags(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.specs, func(spec vsphere.ClassSpec) bool { return spec.Name == name && len(spec.Tags) > 0 })
}

// SetClasses implements vsphere.Interface.
func (v *VCenter) SetClasses(classes []vsphere.ClassSpec) {
	v.classes.set(classes)
	v.tracker.SetClasses(classes)
	v.associations.wake()
	if c, err := v.synced(); err == nil { // one that is about to be synced looks at its first turn
		c.queue.wake()
	}
}

// Offer implements vsphere.Interface.
func (v *VCenter) Offer(_ context.Context, name string) (vsphere.Offer, error) {
	c, err := v.synced()
	if err != nil {
		return vsphere.Offer{}, err
	}
	offer, ok := v.inv.Offer(name)
	if !ok || v.classes.hasTags(name) && !v.associations.looksAtTags(name) {
		return vsphere.Offer{}, vsphere.ErrPending
	}
	if offer.TemplatesErr == nil {
		offer.TemplatesErr = c.missingTemplateFolder(name)
	}
	return offer, nil
}

// missingTemplateFolder says that the template folder of a class does not exist, nil if it does or if the class has none.
func (c *connection) missingTemplateFolder(class string) *vsphere.Error {
	c.mu.Lock()
	folder, ok := c.places.templates[class]
	c.mu.Unlock()
	if !ok || c.inv.FolderAt(folder.names...) != "" {
		return nil
	}
	return &vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonTemplateFolderNotFound, Message: fmt.Sprintf(
		"The template folder %q does not exist%s. Correct templateFolder, or make the folder.", folder.path, c.templateFolderHint(folder.names))}
}

// places are where VMs are made, as a connection has found them. They are guarded by its mu.
type places struct {
	version int // of the list of classes that they are of
	at      time.Time
	sound   bool // nothing that a class names is missing
	zones   []placedZone
	// networks are those of all classes.
	networks []placedNetwork
	// templates are the template folders of the classes by name, of those that have one.
	templates map[string]templateFolder
	// customizations say what is wrong with the customization specifications of the classes, by name.
	customizations map[string][]*vsphere.Error
}

// placedZone is a zone, and the place that it comes to, or what is wrong with it.
type placedZone struct {
	vsphere.Place
	at  placement
	err *vsphere.Error
}

// templateFolder is the template folder of a class.
type templateFolder struct {
	path  string   // as the class has it
	names []string // from the datacenter's VM folder
	err   *vsphere.Error
}

// place finds out what all classes come to.
func (c *connection) place(ctx context.Context, anc *ancestry) error {
	specs, version := c.classes.all(&c.cfg)
	found := places{version: version, at: c.cfg.Clock.Now(), sound: true,
		templates: map[string]templateFolder{}, customizations: map[string][]*vsphere.Error{}}
	for _, class := range specs {
		if class.TemplateFolder != "" {
			folder := c.site.templateFolder(class)
			found.templates[class.Name] = folder
			found.sound = found.sound && folder.err == nil
		}
		wrong, err := c.wrongCustomizationSpecs(ctx, class)
		if err != nil {
			return err
		}
		found.customizations[class.Name] = wrong
		found.sound = found.sound && len(wrong) == 0
		networks, err := c.findNetworks(ctx, anc, class)
		if err != nil {
			return err
		}
		found.networks = append(found.networks, networks...)
		found.sound = found.sound && !slices.ContainsFunc(networks, func(n placedNetwork) bool { return n.err != nil })
		for _, zone := range class.Zones {
			at, refused, err := c.resolvePlacement(ctx, anc, zoneSpec{zone, class.Name})
			if err != nil {
				return err
			}
			found.zones = append(found.zones, placedZone{vsphere.Place{Class: class.Name, Zone: zone.Name}, at, refused})
			found.sound = found.sound && refused == nil && !at.stale
		}
	}
	c.mu.Lock()
	before := c.places
	c.places = found
	c.mu.Unlock()
	logRefusals(ctx, before.zones, found.zones)
	var ch inventory.Changes
	c.setPlaces(found, specs, &ch)
	if c.inStep.Load() {
		c.publish(&ch)
	}
	return nil
}

// logRefusals logs what is wrong with zones, once.
func logRefusals(ctx context.Context, before, after []placedZone) {
	for _, zone := range after {
		said := slices.ContainsFunc(before, func(b placedZone) bool {
			return b.Place == zone.Place && b.err != nil && zone.err != nil && b.err.Error() == zone.err.Error()
		})
		if zone.err != nil && !said {
			klog.FromContext(ctx).Error(zone.err, "No VM can be made", "class", zone.Class, "zone", zone.Zone, "reason", zone.err.Reason)
		}
	}
}

// placeAgain finds out what classes come to if they have changed, and otherwise, while anything is wrong, at most once in
// placeAgainAfter.
func (c *connection) placeAgain(ctx context.Context) error {
	_, version := c.classes.all(&c.cfg)
	c.mu.Lock()
	changed, due := c.places.version != version, !c.places.sound && c.cfg.Clock.Now().Sub(c.places.at) >= placeAgainAfter
	c.mu.Unlock()
	if !changed && !due {
		return nil
	}
	return c.placeNow(ctx)
}

// placeNow finds out what classes come to, and watches what that asks for.
func (c *connection) placeNow(ctx context.Context) error {
	err := c.place(ctx, newAncestry(c))
	if err == nil {
		err = c.watchPlaces(ctx)
	}
	if err == nil {
		err = c.watchTemplates(ctx)
	}
	return err
}

// placeOf returns the place that a zone comes to.
func (c *connection) placeOf(p vsphere.Place) (placement, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.places.zones, func(z placedZone) bool { return z.Place == p })
	switch {
	case i < 0:
		return placement{}, &vsphere.Error{
			Class: vsphere.ClassConflict, Reason: v1alpha1.ReasonRetrying,
			Message: fmt.Sprintf("There is no zone %q of class %q, or it has not been looked up yet.", p.Zone, p.Class),
		}
	case c.places.zones[i].err != nil:
		return placement{}, c.places.zones[i].err
	default:
		return c.places.zones[i].at, nil
	}
}

// computes returns the clusters, and standalone hosts, that VMs are made in, each once.
func (c *connection) computes() []types.ManagedObjectReference {
	c.mu.Lock()
	defer c.mu.Unlock()
	var refs []types.ManagedObjectReference
	for _, zone := range c.places.zones {
		if ref := zone.at.compute; ref.Value != "" && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// templateFolder returns the template folder of a class, with what is wrong with it.
func (s *site) templateFolder(class vsphere.ClassSpec) templateFolder {
	what := "-template-folder"
	if class.Name != "" {
		what = "templateFolder"
	}
	folder := templateFolder{path: class.TemplateFolder}
	var err error
	if folder.names, err = namesBelow(s.vmFolderPath, what, class.TemplateFolder); err == nil {
		err = checkFolders(s.root, folder.names)
	}
	if len(folder.names) == 0 && err == nil {
		err = errors.New("templateFolder must not be the datacenter's VM folder itself")
	}
	if err != nil {
		folder.err = &vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonInvalidConfiguration, Message: err.Error() + ".", Err: err}
	}
	return folder
}
