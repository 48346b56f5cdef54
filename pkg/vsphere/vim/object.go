package vim

import (
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// object is one object, as read.
type object struct {
	ref   types.ManagedObjectReference
	props properties
	// withheld are properties that have a value which vCenter would not show.
	withheld []string
}

// hidesIdentity reports whether vCenter would not show something by which a VM is known for ours. The rest of its
// configuration is worth nothing then: a VM that only seems to have no stamp would be taken for foreign. What it says does
// not exist (InvalidProperty) is not hidden.
func hidesIdentity(withheld []types.MissingProperty) bool {
	return slices.ContainsFunc(withheld, func(m types.MissingProperty) bool {
		_, absent := m.Fault.Fault.(*types.InvalidProperty)
		return !absent && (m.Path == propStamp || m.Path == propInstanceUUID || m.Path == propTemplate)
	})
}

// vmRef returns the reference of a VM.
func vmRef(ref vsphere.Ref) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "VirtualMachine", Value: string(ref)}
}

// folderRef returns the reference of a folder.
func folderRef(ref vsphere.Ref) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "Folder", Value: string(ref)}
}

// readView selects properties of the objects of a view. An object that goes meanwhile is left out.
func readView(view types.ManagedObjectReference, props ...types.PropertySpec) types.PropertyFilterSpec {
	return types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{viewObjects(view)}, PropSet: props, ReportMissingObjectsInResults: types.NewBool(true),
	}
}

// viewObjects selects the objects of a view.
func viewObjects(view types.ManagedObjectReference) types.ObjectSpec {
	return types.ObjectSpec{
		Obj:  view,
		Skip: types.NewBool(true),
		SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{
			SelectionSpec: types.SelectionSpec{Name: "view"}, Type: view.Type, Path: "view",
		}},
	}
}

func propSpec(kind string, paths ...string) types.PropertySpec {
	return types.PropertySpec{Type: kind, PathSet: paths}
}

// reading is what a read has answered of one object: its properties, or that it is gone, or an error.
type reading struct {
	props properties
	gone  bool
	err   error
}

// errNothingReadable means that an object exists, and that the controller's account may not read anything of it.
var errNothingReadable = &vsphere.Error{
	Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonNoPermission,
	Message: "The controller's account may not read the object (System.Read); grant it in vCenter.",
}

// errDisksHidden means that a VM is there, and that vCenter does not show its devices.
var errDisksHidden = &vsphere.Error{
	Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
	Message: "vCenter does not show the VM's disks, and is asked again. If that lasts, the controller's account may not read them (System.Read).",
}

// changes returns what was read as if a filter had reported it.
func (o object) changes() []types.PropertyChange {
	changes := make([]types.PropertyChange, 0, len(o.props))
	for path, val := range o.props {
		changes = append(changes, types.PropertyChange{Name: path, Op: types.PropertyChangeOpAssign, Val: val})
	}
	return changes
}

func folderProps() []types.PropertySpec {
	return []types.PropertySpec{
		propSpec("Folder", propName, propParent),
		propSpec("VirtualApp", propName, propParentFolder),
	}
}
