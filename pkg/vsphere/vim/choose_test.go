package vim

import (
	"errors"
	"fmt"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestWhatAFlagMeans(t *testing.T) {
	path := vsphere.PathNames
	hostFolder, dc := path("/EMEA/DC0/host"), path("/EMEA/DC0")
	cluster, root := path("/EMEA/DC0/host/C0"), path("/EMEA/DC0/host/C0/Resources")
	pool := "/EMEA/DC0/host/C0/Resources/prod/web"
	for _, tt := range []struct {
		rule        string
		value, path string
		want        bool
	}{
		{"0: nothing", "", pool, false},
		{"0: no name at all", "/", "/EMEA/DC0", false},
		{"1: the whole path", pool, pool, true},
		{"1: the whole path, untidy", "//EMEA/DC0/host//C0/Resources/prod/web/", pool, true},
		{"1: a path that begins elsewhere", "/DC0/host/C0/Resources/prod/web", pool, false},
		{"1: a path that ends sooner", "/EMEA/DC0/host/C0/Resources/prod", pool, false},
		{"1: a name with a slash in front is a whole path", "/web", pool, false},
		{"1: other case", "/emea/DC0/host/C0/Resources/prod/web", pool, false},
		{"1: a pattern is a name", "/EMEA/DC0/host/*/Resources/prod/web", pool, false},
		{"1: dots are names", "/EMEA/../EMEA/DC0", "/EMEA/DC0", false},
		{"1: a slash within a name", "/DC0/host/C0/Resources/a%2fb", "/DC0/host/C0/Resources/a%2Fb", true},
		{"1: a percent sign that stands for itself", "/DC0/datastore/100%", "/DC0/datastore/100%25", true},
		{"2: the name", "web", pool, true},
		{"2: a part of the name", "we", pool, false},
		{"2: another name", "prod", pool, false},
		{"2: a name that is a pattern", "*", pool, false},
		{"2: a name that is a pattern, exactly", "w*", "/DC0/host/C0/Resources/w*", true},
		{"3: from the root pool", "prod/web", pool, true},
		{"3: from the cluster", "Resources/prod/web", pool, true},
		{"3: from the host folder, as govc", "C0/Resources/prod/web", pool, true},
		{"3: from the datacenter", "host/C0/Resources/prod/web", pool, true},
		{"3: not from the middle", "DC0/host/C0/Resources/prod/web", pool, false},
		{"3: as govc with a pattern", "*/Resources/prod/web", pool, false},
		{"3: another pool's", "dev/web", pool, false},
	} {
		if got := meant(tt.value, path(tt.path), hostFolder, dc, cluster, root); got != tt.want {
			t.Errorf("%s: %q means %s: %t, want %t", tt.rule, tt.value, tt.path, got, tt.want)
		}
	}
	if !meant("EMEA/DC0", dc, nil) || meant("APAC/DC0", dc, nil) {
		t.Error("a datacenter's path may begin in the root folder without saying so")
	}
}

func TestChoices(t *testing.T) {
	at := func(paths ...string) (choices []choice) {
		for _, p := range paths {
			choices = append(choices, choice{path: vsphere.PathNames(p)})
		}
		return choices
	}
	var many []string
	for i := range maxListed + 5 {
		many = append(many, fmt.Sprintf("/DC0/host/C%02d", i))
	}
	both := at("/EMEA/DC0", "/APAC/DC0")
	for name, tt := range map[string]struct {
		flag, value string
		choices     []choice
		want        string // the path, or the reason and the message
	}{
		"the only one":       {"datacenter", "", at("/EMEA/DC0"), "/EMEA/DC0"},
		"by name":            {"datacenter", "DC1", at("/DC0", "/DC1"), "/DC1"},
		"by path":            {"datacenter", "/EMEA/DC0", both, "/EMEA/DC0"},
		"by path, relative":  {"datacenter", "APAC/DC0", both, "/APAC/DC0"},
		"several, none said": {"datacenter", "", both, "DatacenterAmbiguous: Set -datacenter: there are several to choose from: /APAC/DC0, /EMEA/DC0."},
		"several of a name":  {"datacenter", "DC0", append(at("/DC1"), both...), `DatacenterAmbiguous: Set -datacenter to the path of one: there are several that "DC0" may mean: /APAC/DC0, /EMEA/DC0.`},
		"none of that name":  {"resource-pool", "web", at("/DC0/host/C0/Resources/a%2fb"), `ResourcePoolNotFound: No resource pool is named "web" (-resource-pool): there is /DC0/host/C0/Resources/a%2fb.`},
		"a pattern":          {"datastore", "*", at("/DC0/datastore/a"), `DatastoreNotFound: No datastore is named "*" (-datastore): there is /DC0/datastore/a. Names are compared exactly: a pattern is not expanded.`},
		"none to be seen":    {"cluster", "", nil, "ClusterNotFound: No cluster can be chosen: there is none that the controller's account can see."},
		"none, and one said": {"cluster", "C0", nil, `ClusterNotFound: No cluster is named "C0" (-cluster): there is none that the controller's account can see.`},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := choose(setting{tt.flag, "-" + tt.flag}, tt.value, tt.choices, nil)
			got := vsphere.Path(found.path...)
			if e, ok := errors.AsType[*vsphere.Error](err); ok {
				got = e.Reason + ": " + e.Message
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if got := listed(at(many...)); got != listed(at(many[:maxListed]...))+", and 5 more" {
		t.Errorf("many are listed as %s", got)
	}
}

// What the account cannot read of a path is told as such, and is no error; that an object is gone is one.
func TestPathsThatCannotBeRead(t *testing.T) {
	vm, folder, dc := folderRef("group-1"), folderRef("group-2"), types.ManagedObjectReference{Type: "Datacenter", Value: "dc-1"}
	for name, tt := range map[string]struct {
		reads map[types.ManagedObjectReference][]any
		want  string
	}{
		"to the root": {map[types.ManagedObjectReference][]any{
			vm:     {properties{propName: "vm", propParent: dc}},
			dc:     {properties{propName: "DC%2f0", propParent: folder}},
			folder: {properties{propName: "EMEA", propParent: folderRef("group-d1")}},
		}, "/EMEA/DC%2f0/vm"},
		"a parent that is hidden": {map[types.ManagedObjectReference][]any{
			vm: {properties{propName: "vm", propParent: dc}},
			dc: {properties{propName: &types.NoPermission{}, propParent: &types.NoPermission{}}},
		}, "/…/vm"},
		"a parent's parent that is hidden": {map[types.ManagedObjectReference][]any{
			vm: {properties{propName: "vm", propParent: dc}},
			dc: {properties{propName: "DC0", propParent: &types.NoPermission{}}},
		}, "/…/DC0/vm"},
		"a circle": {map[types.ManagedObjectReference][]any{
			vm: {properties{propName: "vm", propParent: vm}},
		}, ""},
		"gone": {map[types.ManagedObjectReference][]any{
			vm: {properties{propName: "vm", propParent: dc}},
			dc: {goneFault(dc)},
		}, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, &script{reads: tt.reads})
			c.client.ServiceContent.RootFolder = folderRef("group-d1")
			path, err := newAncestry(c.connection).pathOf(t.Context(), vm)
			switch got := vsphere.Path(path...); {
			case (err != nil) != (tt.want == "error"):
				t.Errorf("error %v", err)
			case tt.want == "" && len(path) != maxDepth+1:
				t.Errorf("%d names", len(path))
			case tt.want != "" && err == nil && got != tt.want:
				t.Errorf("path %s, want %s", got, tt.want)
			}
		})
	}
}
