package vim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// wantedTemplate is what spec.template stands for.
type wantedTemplate struct {
	name string
	bare bool   // a mere name, which may lie anywhere
	path string // the whole inventory path; of a mere name, the name
}

// wanted returns what a name or path stands for. A path that is not a whole one begins in the template folder, to which
// folder leads from the VM folder.
func (s *site) wanted(path string, folder []string) wantedTemplate {
	names := vsphere.PathNames(path)
	name := names[len(names)-1]
	switch {
	case vsphere.WholePath(path):
		return wantedTemplate{name: name, path: vsphere.Path(names...)}
	case len(names) == 1:
		return wantedTemplate{name: name, path: name, bare: true}
	default:
		return wantedTemplate{name: name, path: vsphere.Path(slices.Concat(s.vmFolderPath, folder, names)...)}
	}
}

func (w wantedTemplate) isNamed(name string) bool { return name == w.name }

// mayLookLike reports whether people may take a name for the one that is wanted. It may be the same, in another folder.
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

// candidate is a VM among which a template is looked for.
type candidate struct {
	ref       vsphere.Ref
	path      string // inventory path
	underRoot bool
	props     inventory.Properties
}

// template returns what the port tells of a template.
func (t candidate) template() vsphere.Template {
	return vsphere.Template{Ref: t.ref, Path: t.path, Parent: t.props.Parent, InstanceUUID: t.props.InstanceUUID}
}

// candidate returns what is to be known of a VM.
func (c *connection) candidate(ref vsphere.Ref, props inventory.Properties) candidate {
	path, underRoot := c.inv.Locate(props.Parent)
	return candidate{ref: ref, path: path + vsphere.Path(props.Name), props: props, underRoot: underRoot}
}

// templateSource are where a template is looked for.
type templateSource struct {
	vms   map[vsphere.Ref]inventory.Properties
	below vsphere.Ref // only what lies below this folder counts, unless it is empty
	names []string    // that lead to that folder from the VM folder
	where string      // for people
}

// candidates returns the VMs whose names are picked, by their paths.
func (c *connection) candidates(s templateSource, pick func(name string) bool) []candidate {
	var picked []candidate
	for ref, props := range s.vms { // there may be thousands, and few are picked
		if pick(props.Name) && (s.below == "" || c.inv.Within(props.Parent, s.below)) {
			picked = append(picked, c.candidate(ref, props))
		}
	}
	slices.SortFunc(picked, func(a, b candidate) int { return strings.Compare(a.path, b.path) })
	return picked
}

// unusable says why a VM cannot be cloned from, as the end of a sentence, or returns "". In order:
//
//  1. it lies below the root folder, where the VMs of groups are
//  2. its configuration does not show, and so not what it is
//  3. it is no template
//  4. it has a stamp that cannot be read: it may be a VM of a group
//  5. the instance in its stamp is its own: it is a VM of a group that was made a template
//
// A stamp with another instance is a copy's: somebody has cloned a VM of a group to a template, and vCenter has copied the
// stamp. Its clones get stamps of their own in the place of that one.
func unusable(c candidate) string {
	stamp, instance := c.props.ParseStamp(), c.props.InstanceUUID
	switch {
	case c.underRoot:
		return "it lies below the root folder, where the VMs of VmGroups are: move it out of there, or name another"
	case !c.props.Configured() || stamp != nil && instance == "":
		return "vCenter does not show what it is: let the controller's account read it (System.Read)"
	case !c.props.Template:
		return "it is no template: convert it to one, or name another"
	case stamp == nil && c.props.Stamp != "":
		return fmt.Sprintf("its ExtraConfig key %s cannot be read as a stamp: clear it, unless it is a VM of a VmGroup", vsphere.StampKey)
	case stamp != nil && stamp.Instance == instance:
		return fmt.Sprintf("it is a VM of VmGroup %q (UID %s) that was made a template: clone it to a template and name that, or, to give it up as a VM, clear its ExtraConfig key %s",
			stamp.Name, stamp.UID, vsphere.StampKey)
	default:
		return ""
	}
}

// whyUnusable says of each VM why it cannot be cloned from. Where one below the root lies concerns only whose it is.
func whyUnusable(candidates []candidate) string {
	var reasons []string
	for _, c := range candidates {
		path := c.path
		if c.underRoot {
			path = "a VM of that name"
		}
		reasons = append(reasons, path+": "+unusable(c))
	}
	return strings.Join(slices.Compact(reasons), "; ")
}

func pathsOf(candidates []candidate) string {
	var paths []string
	for _, c := range candidates {
		paths = append(paths, c.path)
	}
	return strings.Join(paths, ", ")
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
