package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Keeper says which controller keeps a group, and by which class.
type Keeper struct {
	// Controller is its name, see options.Options.ControllerName. It is empty if any controller does that sees the group: there
	// is no class, and so no other controller.
	Controller string
	// Class is the name of the class, empty if the flags of the controller name the place.
	Class string
	// Offer is that class, nil if there is none by now.
	Offer *v1alpha1.VmGroupClass
	// Err says why no VM of the group may be made, nil if one may.
	Err *vsphere.Error
}

// KeptBy reports whether a controller of a name keeps the group.
func (k Keeper) KeptBy(controller string) bool {
	return k.Controller == "" || k.Controller == controller
}

// KeeperOf decides who keeps a group. labelsOf returns the labels of its namespace. In order:
//
//  1. its status says it: that controller and that class, for ever. Another default class moves no group
//  2. its status records a folder and no controller: the group is older than classes. The controller of the default name, by
//     its flags
//  3. spec.className names a class: that one, and the controller that it names. One that is being deleted takes no new groups
//  4. it names none, and there is a default class: the same
//  5. there is no class at all: any controller, by its flags
//  6. no class can be found for it. One controller has to say so: see teller
//
// A class that is not there any more, that does not admit the namespace, that allows no VMs of that size, or that is not the one
// that spec.className names by now, makes no VMs and changes none in place. It keeps those that there are.
func KeeperOf(g *v1alpha1.VmGroup, classes []*v1alpha1.VmGroupClass, labelsOf labels.Labels) Keeper {
	status := &g.Status
	switch {
	case status.ControllerName != "" && status.Class == "":
		return Keeper{Controller: status.ControllerName, Err: classChanged(g)}
	case status.ControllerName != "":
		k := Keeper{Controller: status.ControllerName, Class: status.Class, Offer: classNamed(classes, status.Class), Err: classChanged(g)}
		if k.Offer != nil && k.Offer.Spec.ControllerName != k.Controller {
			k.Offer, k.Err = nil, cmp.Or(k.Err, classError(v1alpha1.ReasonClassNotFound,
				"the VmGroupClass %q that the VMs were made by is gone, and the one of that name belongs to another controller: ask an administrator.", k.Class))
		}
		if k.Err == nil {
			k.Err = refusal(k.Offer, status.Class, g, labelsOf)
		}
		return k
	case status.Folder != nil:
		return Keeper{Controller: v1alpha1.DefaultControllerName, Err: classChanged(g)}
	}
	class, name := classNamed(classes, g.Spec.ClassName), g.Spec.ClassName
	if name == "" {
		class = DefaultClass(classes)
	}
	switch {
	case class != nil:
		return Keeper{Controller: class.Spec.ControllerName, Class: class.Name, Offer: class, Err: cmp.Or(beingDeleted(class), refusal(class, class.Name, g, labelsOf))}
	case name == "" && len(classes) == 0:
		return Keeper{}
	case name == "":
		return Keeper{Controller: teller(classes), Err: classError(v1alpha1.ReasonClassRequired,
			"spec.className names no VmGroupClass, and none is the default: set it to one of %s.", namesOf(classes))}
	default:
		return Keeper{Controller: teller(classes), Err: refusal(nil, name, g, labelsOf)}
	}
}

// DependsOnClass reports whether KeeperOf may say something else of a group when the class of a name has come, changed or gone.
// classes are those that there are by now. In order:
//
//  1. a controller keeps the group: if it is its own class
//  2. it is older than classes (see KeeperOf): no
//  3. spec.className names a class that is there: if it is that one
//  4. else: yes. Any class may become its own, or that of the controller that tells of it
func DependsOnClass(g *v1alpha1.VmGroup, name string, classes []*v1alpha1.VmGroupClass) bool {
	switch {
	case g.Status.ControllerName != "":
		return g.Status.Class == name
	case g.Status.Folder != nil:
		return false
	case classNamed(classes, g.Spec.ClassName) != nil:
		return g.Spec.ClassName == name
	default:
		return true
	}
}

// DefaultClass returns the class of groups that name none: of several, the one that was created last. One that is being deleted is none of
// them. It is nil if there is none.
func DefaultClass(classes []*v1alpha1.VmGroupClass) *v1alpha1.VmGroupClass {
	var newest *v1alpha1.VmGroupClass
	for _, class := range classes {
		if !class.IsDefault() || class.DeletionTimestamp != nil {
			continue
		}
		if newest == nil || cmp.Or(class.CreationTimestamp.Compare(newest.CreationTimestamp.Time), -cmp.Compare(class.Name, newest.Name)) > 0 {
			newest = class
		}
	}
	return newest
}

// teller returns the controller that tells of groups for which there is no class: that of the default class, or else the first
// by name. It is empty if there is no class.
func teller(classes []*v1alpha1.VmGroupClass) string {
	if class := DefaultClass(classes); class != nil {
		return class.Spec.ControllerName
	}
	first := ""
	for _, class := range classes {
		if first == "" || class.Spec.ControllerName < first {
			first = class.Spec.ControllerName
		}
	}
	return first
}

// beingDeleted returns the error that a class is being deleted, and takes no new groups, nil if it is not.
func beingDeleted(class *v1alpha1.VmGroupClass) *vsphere.Error {
	if class.DeletionTimestamp == nil {
		return nil
	}
	return classError(v1alpha1.ReasonClassNotFound, "VmGroupClass %q is being deleted, and takes no new groups: choose another class, or ask an administrator.", class.Name)
}

// refusal says why a class makes no VMs for a group, nil if it does. class is nil if there is none of that name.
func refusal(class *v1alpha1.VmGroupClass, name string, g *v1alpha1.VmGroup, labelsOf labels.Labels) *vsphere.Error {
	if class == nil {
		return classError(v1alpha1.ReasonClassNotFound, "there is no VmGroupClass %q: correct spec.className, or ask an administrator for the class.", name)
	}
	// A nil selector selects nothing.
	allowed, err := metav1.LabelSelectorAsSelector(class.Spec.AllowedNamespaces)
	if err != nil || !allowed.Matches(labelsOf) {
		return classError(v1alpha1.ReasonClassNotAllowed,
			"VmGroupClass %q does not admit the namespace %s: ask an administrator, or choose another class.", name, g.Namespace)
	}
	return notOffered(class, SpecOf(g))
}

// notOffered returns the error that a class does not offer what VMs are to be made from, nil if it does. Where the templates and networks
// are is for vCenter to say.
func notOffered(class *v1alpha1.VmGroupClass, spec vsphere.VMSpec) *vsphere.Error {
	return cmp.Or(modeNotOffered(class, spec), customizationNotOffered(class, spec), limitExceeded(class, spec))
}

// modeNotOffered returns the error that a class does not offer the way in which disks are to be copied, nil if it does.
func modeNotOffered(class *v1alpha1.VmGroupClass, spec vsphere.VMSpec) *vsphere.Error {
	mode := v1alpha1.CloneFull
	if spec.Linked {
		mode = v1alpha1.CloneLinked
	}
	if len(class.Spec.CloneModes) == 0 || slices.Contains(class.Spec.CloneModes, mode) {
		return nil
	}
	return classError(v1alpha1.ReasonCloneModeNotOffered, "VmGroupClass %q does not offer clone mode %s: set spec.clone.mode to %s.",
		class.Name, mode, class.Spec.CloneModes[0])
}

// customizationNotOffered returns the error that a class does not offer a customization specification, nil if it does, or if none is
// asked for.
func customizationNotOffered(class *v1alpha1.VmGroupClass, spec vsphere.VMSpec) *vsphere.Error {
	name := spec.Guest.Customization
	if name == "" || slices.Contains(class.Spec.CustomizationSpecs, name) {
		return nil
	}
	return classError(v1alpha1.ReasonCustomizationSpecNotOffered,
		"VmGroupClass %q does not offer the customization specification %q in spec.guest: ask an administrator, or choose another.", class.Name, name)
}

// customizationNeedsClass returns the error that a group without a class names a customization specification: the flags of the
// controller offer none.
func customizationNeedsClass(in Input) *vsphere.Error {
	if in.Class != "" || guestOf(in.Group).Customization == "" {
		return nil
	}
	return classError(v1alpha1.ReasonClassRequired, "spec.guest.customizationSpec needs a VmGroupClass, which says which there are.")
}

// limitExceeded returns the error that VMs are to be larger than a class allows, nil if they are not.
func limitExceeded(class *v1alpha1.VmGroupClass, spec vsphere.VMSpec) *vsphere.Error {
	limits := class.Spec.Limits
	if limits == nil {
		return nil
	}
	for _, of := range []struct {
		field, unit string
		limit       *int32
		asked       int32
	}{
		{"cpu", "CPUs", limits.CPU, spec.CPU},
		{"memory", "GiB", limits.Memory, int32((spec.MemoryMiB + 1023) / 1024)},
		{"disk", "GiB", limits.Disk, spec.DiskGiB},
	} {
		if of.limit != nil && of.asked > *of.limit {
			return classError(v1alpha1.ReasonLimitExceeded, "VmGroupClass %q allows at most %d %s for each VM, and spec.%s asks for %d.",
				class.Name, *of.limit, of.unit, of.field, of.asked)
		}
	}
	return nil
}

// classChanged returns the error that spec.className names another class than the one that the VMs of the group are of.
func classChanged(g *v1alpha1.VmGroup) *vsphere.Error {
	if g.Spec.ClassName == "" || g.Spec.ClassName == g.Status.Class {
		return nil
	}
	was := "what the flags of the controller say"
	if g.Status.Class != "" {
		was = fmt.Sprintf("the class %q", g.Status.Class)
	}
	return classError(v1alpha1.ReasonClassChanged,
		"the VMs of the group were made by %s, and VMs do not move between classes: make another VmGroup for the class %q.", was, g.Spec.ClassName)
}

func classError(reason, format string, args ...any) *vsphere.Error {
	return &vsphere.Error{Class: vsphere.ClassInvalid, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func classNamed(classes []*v1alpha1.VmGroupClass, name string) *v1alpha1.VmGroupClass {
	i := slices.IndexFunc(classes, func(class *v1alpha1.VmGroupClass) bool { return class.Name == name })
	if i < 0 {
		return nil
	}
	return classes[i]
}

// maxClassesListed is how many classes a message lists.
const maxClassesListed = 5

func namesOf(classes []*v1alpha1.VmGroupClass) string {
	var names []string
	for _, class := range classes {
		names = append(names, class.Name)
	}
	slices.Sort(names)
	if n := len(names) - maxClassesListed; n > 0 {
		names = append(names[:maxClassesListed], fmt.Sprintf("%d more", n))
	}
	return strings.Join(names, ", ")
}
