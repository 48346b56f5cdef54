package inventory

import (
	"reflect"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// VMsVersion returns the version of what filters have reported of VMs, to be passed to Refresh.
func (inv *Inventory) VMsVersion() uint64 {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.vmsVersion
}

// Refresh takes over what a read has answered of a VM, unless a filter has reported on it since asked, the version from
// before the read. It returns false for a VM that no filter holds. A VM that has no configuration to show keeps the one that
// it had: a filter that has not seen it go would not tell when it is back.
func (inv *Inventory) Refresh(ref vsphere.Ref, u Update, asked uint64, ch *Changes) (held bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	r := inv.vms[ref]
	if r == nil || r.sources == 0 {
		return false
	}
	if r.version > asked {
		return true
	}
	u.keepConfiguration()
	props := r.props
	props.Apply(u)
	if inv.differs(r, &props) {
		inv.update(ref, 0, false, u, ch)
	}
	return true
}

// differs reports whether properties say anything else of a VM than is known. inv.mu is held.
func (inv *Inventory) differs(r *record, props *Properties) bool {
	vm := r.describe(props)
	return !inv.knows(r, &vm, props.Host)
}

// Has reports whether the inventory has a VM.
func (inv *Inventory) Has(ref vsphere.Ref) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.vms[ref] != nil
}

// Unheld returns the VMs that may be ours and that no filter holds.
func (inv *Inventory) Unheld() []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var refs []vsphere.Ref
	for ref, r := range inv.outsiders {
		if r.sources == 0 {
			refs = append(refs, ref)
		}
	}
	return refs
}

// Unlisted returns the VMs that a filter holds and that are not listed.
func (inv *Inventory) Unlisted(listed map[vsphere.Ref]bool) []vsphere.Ref {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var refs []vsphere.Ref
	for ref, r := range inv.vms {
		if r.sources != 0 && !listed[ref] {
			refs = append(refs, ref)
		}
	}
	return refs
}

// TreeVersion returns the version of what is known of folders and templates, to be passed to RefreshTree.
func (inv *Inventory) TreeVersion() uint64 {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.treeVersion
}

// RefreshTree takes over what a read has answered of all folders and templates, unless something has become known of them
// since asked, the version from before the read: the answer may be the older one then, and the next resync has another. It
// returns the folders that were not among them, and reports whether the templates have changed.
func (inv *Inventory) RefreshTree(
	folders []FolderRead, templates map[vsphere.Ref]Update, asked uint64, ch *Changes,
) (missing []vsphere.Ref, templatesChanged bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if inv.treeVersion != asked {
		return nil, false
	}
	listed := make(map[vsphere.Ref]bool, len(folders))
	for _, f := range folders {
		listed[f.Ref] = true
		inv.updateFolder(f.Ref, f.FolderUpdate, ch)
		delete(inv.unconfirmed, f.Ref)
	}
	for ref, f := range inv.folders {
		switch {
		case listed[ref]:
		case f.vApp: // it counts as a child only, and a folder is listed live before it goes
			inv.deleteFolder(ref, ch)
		default:
			missing = append(missing, ref)
		}
	}
	next := make(map[vsphere.Ref]Properties, len(templates))
	for ref, u := range templates {
		u.keepConfiguration()
		props := inv.templates[ref]
		props.Apply(u)
		next[ref] = props
	}
	templatesChanged = !reflect.DeepEqual(next, inv.templates)
	inv.templates = next
	clear(inv.doubted)
	return missing, templatesChanged
}
