package vim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// comparePaths refuses what can be seen to be wrong before the datacenter is known: two paths that begin at the same place.
func comparePaths(folder, templateFolder string) error {
	if templateFolder != "" && vsphere.WholePath(folder) != vsphere.WholePath(templateFolder) {
		return checkFolders(vsphere.PathNames(folder), nil)
	}
	return checkFolders(vsphere.PathNames(folder), vsphere.PathNames(templateFolder))
}

// siteFolders returns the names that lead from the datacenter's VM folder to the root folder and to the template folder, if one
// is set. It refuses what lies elsewhere, and a root and a template folder one of which holds the other.
func siteFolders(folder, templateFolder string, vmFolder []string) (root, templates []string, err error) {
	if root, err = namesBelow(vmFolder, "-folder", folder); err == nil && templateFolder != "" {
		templates, err = namesBelow(vmFolder, "-template-folder", templateFolder)
	}
	if err == nil {
		err = checkFolders(root, templates)
	}
	if err != nil {
		return nil, nil, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonInvalidConfiguration, Message: err.Error() + ".", Err: err,
		}
	}
	return root, templates, nil
}

// namesBelow returns the names that lead from the datacenter's VM folder to a path. In order:
//
//  1. a path without a slash in front begins there
//  2. one with a slash in front is a whole inventory path and has to lead below the VM folder
func namesBelow(vmFolder []string, flag, path string) ([]string, error) {
	names := vsphere.PathNames(path)
	if !vsphere.WholePath(path) {
		return names, nil
	}
	if len(names) <= len(vmFolder) || !below(names, vmFolder) {
		return nil, fmt.Errorf(
			"%s is %q, a whole inventory path because of the slash in front, and does not lie below the datacenter's VM folder %s: correct it, or leave the slash out to begin there",
			flag, path, vsphere.Path(vmFolder...))
	}
	return names[len(vmFolder):], nil
}

// checkFolders refuses paths that lead upwards, a root that is the datacenter's VM folder itself, and a root and a template
// folder one of which holds the other: what lies below the root may be destroyed, and is never a template.
func checkFolders(root, templates []string) error {
	for _, name := range slices.Concat(root, templates) {
		if name == "." || name == ".." {
			return fmt.Errorf("neither -folder nor -template-folder may hold the name %q: a path leads down only", name)
		}
	}
	if len(root) == 0 {
		return errors.New("the root folder (-folder) must not be the datacenter's VM folder itself")
	}
	if len(templates) > 0 && (below(root, templates) || below(templates, root)) {
		return fmt.Errorf("the root folder (-folder %s) and the template folder (-template-folder %s) must not overlap",
			vsphere.Path(root...), vsphere.Path(templates...))
	}
	return nil
}

// below reports whether a path is parent, or lies below it.
func below(path, parent []string) bool {
	return len(path) >= len(parent) && slices.Equal(path[:len(parent)], parent)
}
