package classes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// Classes of the tests of this file. Each admits one of the two namespaces.
const (
	ownClass        = "breakout-gold"
	neighboursClass = "breakout-silver"
)

// breakout is a vCenter that two tenants share. The account may clone the templates of both, and the controller may read the Secrets of
// both namespaces: nothing but the controller keeps them apart.
type breakout struct {
	*harness.World
	neighbour *harness.World
	groups    dynamic.NamespaceableResourceInterface // as the tenant, who has the role that ships

	// What the neighbour has.
	vm                 control.VM
	template, snapshot string // their MoRef values
}

// TestBreakout has a tenant try to get by a VmGroup what its class does not offer. The API server refuses it, or the group says why it
// makes no VM. After all attempts vCenter is as it was before, and an honest group of the same class has its VM.
func TestBreakout(t *testing.T) {
	b := newBreakout(t)
	before := b.vms()
	made := map[string]attempt{}
	for i, a := range b.attempts() {
		name := fmt.Sprintf("try-%d", i)
		err := b.try(name, a)
		switch {
		case a.want != refused && err == nil:
			made[name] = a
		case a.want != refused:
			t.Errorf("%s: %v, want a group with the reason %s", a.object, err, a.want)
		case !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) && !apierrors.IsBadRequest(err):
			t.Errorf("%s: the API server says %v, want a refusal", a.object, err)
		}
	}
	for name, a := range made {
		t.Logf("%s: %s", name, a.object)
		stalled(b.World, name, a.want)
	}
	if diff := cmp.Diff(before, b.vms()); diff != "" {
		t.Errorf("the VMs of vCenter have changed (-before +after):\n%s", diff)
	}
	b.wantFolders()
	calls, err := b.VCenter.Control.Calls(t.Context())
	if harness.Must(t, err); calls.Methods["CloneVM_Task"] != 1 {
		t.Errorf("vCenter was asked for %d clones, want that of the neighbour alone", calls.Methods["CloneVM_Task"])
	}

	// The neighbour's VM is none of the group's, whatever the spec says of it.
	harness.Must(t, b.try("honest", attempt{object: fmt.Sprintf("spec: {members: [{instance: %s, deletion: Now}]}", b.vm.InstanceUUID)}))
	b.Ready("honest", 1)
	if !slices.ContainsFunc(b.vms(), func(vm control.VM) bool { return cmp.Equal(vm, b.vm) }) {
		t.Errorf("the neighbour's VM was %+v, and the VMs are %+v", b.vm, b.vms())
	}
}

// newBreakout makes what the tenant and the neighbour have.
func newBreakout(t *testing.T) *breakout {
	t.Helper()
	w := harness.NewWorld(t, cluster, vcsim.Options{Inventory: "testdata/inventory.yaml", TemplateFolder: templates})
	invariants.Watch(w, invariants.Options{})
	b := &breakout{World: w, neighbour: w.Beside()}
	b.fillVCenter()
	b.offerClasses()
	b.groups = tenantOf(w)
	secret(w, "own", v1alpha1.DefaultUserDataKey, "#cloud-config\n")
	secret(b.neighbour, "neighbours", v1alpha1.DefaultUserDataKey, "#cloud-config\n")
	start(w, "breakout")
	web := groupOf(b.neighbour, "web", neighboursClass, 1)
	web.Spec.Template = "silver"
	b.neighbour.Create(web)
	b.vm = b.neighbour.VMs(b.neighbour.Ready("web", 1))[0]
	return b
}

// fillVCenter makes a template for each class, and what else a tenant could reach for.
func (b *breakout) fillVCenter() {
	b.T.Helper()
	ctx, vcenter := b.T.Context(), b.VCenter.Control
	_, err := vcenter.AddTemplate(ctx, "gold", "templates/gold")
	harness.Must(b.T, err)
	b.template, err = vcenter.AddTemplate(ctx, "silver", "templates/silver")
	harness.Must(b.T, err)
	_, err = vcenter.AddForeignVM(ctx, "templates/gold", "no-template")
	harness.Must(b.T, err)
	_, err = vcenter.TakeNamedSnapshot(ctx, "gold", "v1")
	harness.Must(b.T, err)
	b.snapshot, err = vcenter.TakeNamedSnapshot(ctx, "silver", "silver-v1")
	harness.Must(b.T, err)
	for _, spec := range []string{"domain", "administrators"} {
		harness.Must(b.T, vcenter.AddCustomizationSpec(ctx, control.CustomizationSpec{Name: spec, Windows: true, NICs: 1}))
	}
}

func (b *breakout) offerClasses() {
	b.T.Helper()
	offer := func(name string, to *harness.World) *v1alpha1.VmGroupClass {
		class := class(name, "breakout")
		class.Spec.AllowedNamespaces.MatchLabels = map[string]string{"kubernetes.io/metadata.name": to.Namespace}
		class.Spec.Zones = []v1alpha1.ZoneSpec{{Name: "a", Cluster: "c1"}}
		return class
	}
	gold := offer(ownClass, b.World)
	gold.Spec.TemplateFolder = "templates/gold"
	gold.Spec.Networks = []v1alpha1.ClassNetwork{{Name: "web", Path: "front", CIDR: "10.1.0.0/24"}}
	gold.Spec.CustomizationSpecs = []string{"domain"}
	gold.Spec.Limits = &v1alpha1.ClassLimits{CPU: new(int32(2)), Memory: new(int32(4)), Disk: new(int32(20))}
	create(b.World, gold)
	silver := offer(neighboursClass, b.neighbour)
	silver.Spec.TemplateFolder = "templates/silver"
	silver.Spec.Networks = []v1alpha1.ClassNetwork{{Name: "data", Path: "db"}}
	create(b.World, silver)
}

// tenantOf returns the VmGroups as they are to somebody with the role vmgroup-edit in the namespace.
func tenantOf(w *harness.World) dynamic.NamespaceableResourceInterface {
	w.T.Helper()
	ctx := w.T.Context()
	_, err := w.Cluster.Kubectl(ctx, "apply", "-f", install.Artifact("user-roles.yaml"))
	harness.Must(w.T, err)
	_, err = w.Cluster.Kubectl(ctx, "-n", w.Namespace, "create", "rolebinding", "tenant", "--clusterrole=vmgroup-edit", "--user=tenant")
	harness.Must(w.T, err)
	config, err := clientcmd.BuildConfigFromFlags("", w.Impersonate("tenant"))
	harness.Must(w.T, err)
	config.QPS = -1
	objects, err := dynamic.NewForConfig(config)
	harness.Must(w.T, err)
	return objects.Resource(v1alpha1.SchemeGroupVersion.WithResource("vmgroups"))
}

// try creates what an attempt makes of an honest group.
func (b *breakout) try(name string, a attempt) error {
	b.T.Helper()
	object := map[string]map[string]any{}
	harness.Must(b.T, yaml.Unmarshal([]byte(a.object), &object))
	group := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": name},
		"spec":     map[string]any{"className": ownClass, "cpu": int64(1), "memory": int64(1), "template": "gold", "replicas": int64(1)},
	}}
	group.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("VmGroup"))
	for section, fields := range object {
		for field, value := range fields {
			harness.Must(b.T, unstructured.SetNestedField(group.Object, value, section, field))
		}
	}
	validation := metav1.FieldValidationStrict // as kubectl has it
	if a.lax {
		validation = metav1.FieldValidationIgnore
	}
	namespace := b.Namespace
	if a.next {
		namespace = b.neighbour.Namespace
	}
	_, err := b.groups.Namespace(namespace).Create(b.T.Context(), group, metav1.CreateOptions{FieldValidation: validation})
	return err
}

// vms is every VM and template of vCenter, as the simulator's own books have them.
func (b *breakout) vms() []control.VM {
	b.T.Helper()
	vms, err := b.VCenter.Control.VMs(b.T.Context())
	harness.Must(b.T, err)
	return vms
}

// wantFolders checks that folders of groups are in the folder of their namespace, and that there are no others.
func (b *breakout) wantFolders() {
	b.T.Helper()
	folders, err := b.VCenter.Control.Folders(b.T.Context())
	harness.Must(b.T, err)
	known := []string{
		"/DC0/vm", "/DC0/vm/templates", "/DC0/vm/templates/gold", "/DC0/vm/templates/silver",
		"/DC0/vm/vmgroups", "/DC0/vm/vmgroups/" + b.neighbour.Namespace, b.neighbour.FolderPath("web"), "/DC0/vm/vmgroups/" + b.Namespace,
	}
	for _, folder := range folders {
		if !slices.Contains(known, folder.Path) && !strings.HasPrefix(folder.Path, b.FolderPath("try-")) {
			b.T.Errorf("there is a folder %s", folder.Path)
		}
	}
}
