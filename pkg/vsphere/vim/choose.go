package vim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// choice is an object that a flag may mean.
type choice struct {
	object
	path []string // the names of its inventory path
}

// meant reports whether the value of a flag means the object at an inventory path. bases are where paths that do not begin
// at the root of the inventory may begin instead. In order:
//
//  1. a slash in front: the whole path
//  2. one name: the object's own name, wherever it lies
//  3. several names: the path from one of the bases
//
// Names are compared exactly, and never as patterns: a name may hold an asterisk.
func meant(value string, path []string, bases ...[]string) bool {
	names := vsphere.PathNames(value)
	switch {
	case len(names) == 0:
		return false
	case vsphere.WholePath(value):
		return slices.Equal(path, names)
	case len(names) == 1:
		return path[len(path)-1] == names[0]
	}
	return slices.ContainsFunc(bases, func(base []string) bool {
		return slices.Equal(path, slices.Concat(base, names))
	})
}

// setting is what a person sets to choose an object.
type setting struct {
	kind string // of object
	name string // for people, such as "-cluster"
}

// choose returns the choice that the value of a setting means, or, if there is no value, the only one there is. An error
// lists the choices by their paths, and names the setting.
func choose(s setting, value string, choices []choice, bases ...[]string) (choice, error) {
	found := choices
	if value != "" {
		found = slices.DeleteFunc(slices.Clone(choices), func(c choice) bool { return !meant(value, c.path, bases...) })
	}
	kind := strings.ReplaceAll(s.kind, "-", " ")
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1 && value == "":
		return choice{}, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: choiceReasons[s.kind].ambiguous,
			Message: fmt.Sprintf("Set %s: there are several to choose from: %s.", s.name, listed(found)),
		}
	case len(found) > 1:
		return choice{}, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: choiceReasons[s.kind].ambiguous,
			Message: fmt.Sprintf("Set %s to the path of one: there are several that %q may mean: %s.", s.name, value, listed(found)),
		}
	case value == "":
		return choice{}, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: choiceReasons[s.kind].notFound,
			Message: fmt.Sprintf("No %s can be chosen: %s.", kind, thereIs(choices)),
		}
	default:
		return choice{}, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: choiceReasons[s.kind].notFound,
			Message: fmt.Sprintf("No %s is named %q (%s): %s.%s", kind, value, s.name, thereIs(choices), aboutPatterns(value)),
		}
	}
}

func thereIs(choices []choice) string {
	if len(choices) == 0 {
		return "there is none that the controller's account can see"
	}
	return "there is " + listed(choices)
}

// maxListed is how many choices a message lists: it goes into the status of every VmGroup.
const maxListed = 20

func listed(choices []choice) string {
	var paths []string
	for _, c := range choices {
		paths = append(paths, vsphere.Path(c.path...))
	}
	slices.Sort(paths)
	if n := len(paths) - maxListed; n > 0 {
		paths = append(paths[:maxListed], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(paths, ", ")
}

// aboutPatterns explains to those who come from govc why a pattern finds nothing.
func aboutPatterns(value string) string {
	if !strings.ContainsAny(value, "*?[") {
		return ""
	}
	return " Names are compared exactly: a pattern is not expanded."
}
