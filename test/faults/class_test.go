package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// classCluster is for scenarios with a class: their controllers look at the whole cluster, and would have something to say of the groups
// of all others.
var classCluster *devcluster.Cluster

const templates = "templates"

var inTemplates = vcsim.Options{TemplateFolder: templates}

// inFirstCluster are the flags for it.
var inFirstCluster = []string{"-leader-elect=false", "-cluster", "c1", "-datastore", "shared"}

// withStorage has datastore clusters and storage policies.
var withStorage = vcsim.Options{TemplateFolder: templates, Inventory: "../classes/testdata/storage.yaml"}

// startClassCluster starts the cluster, if one of the scenarios that are wanted has a class.
func startClassCluster(t *testing.T, wanted func(name string) bool) {
	if slices.ContainsFunc(scenarios, func(s scenario) bool { return s.class && wanted(s.name) }) {
		classCluster = harness.NewCluster(t, devcluster.Options{})
		harness.Must(t, harness.ApplyCRD(t.Context(), classCluster))
	}
}

// cluster returns the cluster that a scenario is played in.
func (s scenario) cluster() *devcluster.Cluster {
	if s.class {
		return classCluster
	}
	return cluster
}

// classArgs are those of a controller that serves the class of a run.
func (r *run) classArgs() []string {
	if !r.scenario.class {
		return nil
	}
	return []string{"-namespace", "", "-controller-name", r.Namespace}
}

// associating has VMs customized, tagged and kept apart, makes another one, and keeps them apart no longer.
func (r *run) associating() {
	ctx, vc := r.T.Context(), r.VCenter.Control
	r.guests(control.Guest{Tools: true})
	harness.Must(r.T, vc.AddCustomizationSpec(ctx, control.CustomizationSpec{Name: "join", Windows: true, NICs: 1}))
	for _, name := range []string{"daily", "weekly"} {
		_, err := vc.AddTag(ctx, "backup", name)
		harness.Must(r.T, err)
	}
	r.createClass(v1alpha1.VmGroupClassSpec{
		Zones: []v1alpha1.ZoneSpec{{Name: "a", Cluster: "DC0_C0"}}, CustomizationSpecs: []string{"join"}, Tags: []string{"backup/daily", "backup/weekly"},
	})
	vg := r.Group(group, 2)
	vg.Spec.ClassName = r.Namespace
	vg.Spec.Guest = &v1alpha1.GuestSpec{HostnamePrefix: "www", CustomizationSpec: "join"}
	vg.Spec.AntiAffinity = new(v1alpha1.AntiAffinityPreferred)
	r.createdFrom(vg)
	r.associated(2, 2)
	r.Scale(group, 3)
	r.settled(3)
	r.associated(3, 3)
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.AntiAffinity = nil })
	r.associated(3, 0)
}

// storing makes VMs in a zone.
func (r *run) storing(zone v1alpha1.ZoneSpec) {
	r.createClass(v1alpha1.VmGroupClassSpec{Zones: []v1alpha1.ZoneSpec{zone}})
	vg := r.Group(group, 2)
	vg.Spec.ClassName = r.Namespace
	r.createdFrom(vg)
}

// createClass makes the class of a run. It has the name of the namespace, and so has its controller.
func (r *run) createClass(spec v1alpha1.VmGroupClassSpec) {
	r.T.Helper()
	classes := r.Client.VsphereV1alpha1().VmGroupClasses()
	spec.ControllerName, spec.AllowedNamespaces, spec.TemplateFolder = r.Namespace, &metav1.LabelSelector{}, templates
	_, err := classes.Create(r.T.Context(), &v1alpha1.VmGroupClass{ObjectMeta: metav1.ObjectMeta{Name: r.Namespace}, Spec: spec}, metav1.CreateOptions{})
	harness.Must(r.T, err)
	r.T.Cleanup(func() {
		_ = classes.Delete(context.WithoutCancel(r.T.Context()), r.Namespace, metav1.DeleteOptions{}) // its finalizer goes with the group, or with the cluster
	})
}

// describeStores says how many VMs of a class are on datastores of each kind.
func (r *run) describeStores() []string {
	r.T.Helper()
	if r.scenario.vcenter.Inventory == "" {
		return nil
	}
	vms, err := r.VCenter.Control.VMs(r.T.Context())
	harness.Must(r.T, err)
	count := map[string]int{}
	for _, vm := range vms {
		if vm.Stamp != "" {
			// Which of a datastore cluster it is depends on their free space.
			count[strings.TrimRight(strings.Join(vm.Datastores, " "), "-0123456789")+" "+vm.StoragePolicy]++
		}
	}
	var lines []string
	for store, n := range count {
		lines = append(lines, fmt.Sprintf("%d VMs on %s", n, store))
	}
	return lines
}

// associated waits until so many VMs have the tags, and so many are in a module.
func (r *run) associated(tagged, apart int) {
	r.ends++
	want := fmt.Sprintf("[backup/daily: %d VMs backup/weekly: %d VMs]", tagged, tagged)
	if apart > 0 {
		want = fmt.Sprintf("[backup/daily: %d VMs backup/weekly: %d VMs a module of %d]", tagged, tagged, apart)
	}
	r.Eventually("the VMs are associated", func() error {
		if got := fmt.Sprint(r.describeAssociations()); got != want {
			return fmt.Errorf("there is %s instead of %s", got, want)
		}
		return nil
	})
}

// describeAssociations says which tags and modules have VMs in them. A module that was made by a call whose answer was lost has none, and
// nobody can tell whose it is.
func (r *run) describeAssociations() []string {
	r.T.Helper()
	tags, err := r.VCenter.Control.Tags(r.T.Context())
	harness.Must(r.T, err)
	var lines []string
	for _, tag := range tags {
		lines = append(lines, fmt.Sprintf("%s: %d VMs", tag.Path(), len(tag.Objects)))
	}
	modules, err := r.VCenter.Control.Modules(r.T.Context())
	harness.Must(r.T, err)
	for _, module := range modules {
		if len(module.Members) > 0 {
			lines = append(lines, fmt.Sprintf("a module of %d", len(module.Members)))
		}
	}
	return lines
}
