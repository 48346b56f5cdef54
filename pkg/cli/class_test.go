package cli

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

func TestPrintClass(t *testing.T) {
	class := &v1alpha1.VmGroupClass{
		ObjectMeta: metav1.ObjectMeta{Name: "gold"},
		Spec: v1alpha1.VmGroupClassSpec{
			ControllerName: "vc1", TemplateFolder: "templates", AllowedNamespaces: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}},
			Zones: []v1alpha1.ZoneSpec{
				{Name: "a", Cluster: "c1", Datastore: "ssd"}, {Name: "b", Cluster: "c2"},
				{Name: "c", Cluster: "c2", DatastoreCluster: "pod"}, {Name: "d", Cluster: "c2", StoragePolicy: "fast"},
			},
			Networks: []v1alpha1.ClassNetwork{{Name: "front", Path: "dvpg-front", CIDR: "10.1.0.0/24"}},
			Limits:   &v1alpha1.ClassLimits{CPU: ptr.To[int32](4), Memory: ptr.To[int32](8)},
		},
		Status: v1alpha1.VmGroupClassStatus{Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonClusterNotFound, Message: "Zone b: gone",
		}}},
	}
	groups := []v1alpha1.VmGroup{
		{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: v1alpha1.VmGroupSpec{CPU: 2, Memory: 4},
			Status: v1alpha1.VmGroupStatus{Class: "gold", Replicas: 3}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "other"}, Status: v1alpha1.VmGroupStatus{Class: "silver", Replicas: 3}},
	}
	var out strings.Builder
	if err := printClass(&out, class, groups); err != nil {
		t.Fatal(err)
	}
	const want = `VmGroupClass gold  ClusterNotFound: Zone b: gone
  controller: vc1
  templates: templates
  namespaces: team=a
  each VM at most: 4 CPUs, 8 GiB of memory

Zones:
  NAME   CLUSTER   STORAGE
  a      c1        ssd
  b      c2
  c      c2        datastore cluster pod
  d      c2        storage policy fast

Networks:
  NAME    PATH         CIDR
  front   dvpg-front   10.1.0.0/24

Groups, by the present size in their specs:
  NAMESPACE   NAME   VMS   CPUS   MEMORY
  shop        web    3     6      12 GiB
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	class.Spec.AllowedNamespaces, class.Annotations = &metav1.LabelSelector{}, map[string]string{v1alpha1.DefaultClassAnnotation: "true"}
	out.Reset()
	if err := printClass(&out, class, nil); err != nil || !strings.Contains(out.String(), "namespaces: all") ||
		!strings.Contains(out.String(), "gold (the default)") || !strings.Contains(out.String(), "No group uses it.") {
		t.Errorf("%v:\n%s", err, out.String())
	}
	class.Spec.AllowedNamespaces, class.Status.Conditions = nil, nil
	out.Reset()
	if err := printClass(&out, class, nil); err != nil || !strings.Contains(out.String(), "namespaces: none") ||
		!strings.Contains(out.String(), "its controller has said nothing of it yet") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

// TestPrintUsage shows for each namespace how much of each limit is used, by groups of the class alone.
func TestPrintUsage(t *testing.T) {
	class := &v1alpha1.VmGroupClass{
		ObjectMeta: metav1.ObjectMeta{Name: "gold"},
		Spec: v1alpha1.VmGroupClassSpec{
			ControllerName: "vc1", TemplateFolder: "templates", Zones: []v1alpha1.ZoneSpec{{Name: "a", Cluster: "c1"}},
			Limits: &v1alpha1.ClassLimits{PerNamespace: &v1alpha1.NamespaceLimits{VMs: ptr.To[int32](10), Memory: ptr.To[int32](0)}},
		},
	}
	group := func(namespace, name, class string, vms int32) v1alpha1.VmGroup {
		return v1alpha1.VmGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.VmGroupSpec{CPU: 2, Memory: 4},
			Status: v1alpha1.VmGroupStatus{Class: class, Replicas: vms},
		}
	}
	var out strings.Builder
	groups := []v1alpha1.VmGroup{
		group("shop", "web", "gold", 3), group("shop", "pg", "gold", 2), group("shop", "old", "silver", 9), group("ci", "runner", "gold", 0),
	}
	if err := printClass(&out, class, groups); err != nil {
		t.Fatal(err)
	}
	const want = `
Used of what each namespace may have:
  NAMESPACE   VMS                           MEMORY
  ci          [--------------------] 0/10   [####################] 0/0 GiB
  shop        [##########----------] 5/10   [####################] 20/0 GiB
`
	if got := out.String(); !strings.HasSuffix(got, want) || !strings.Contains(got, "  each namespace at most: 10 VMs, 0 GiB of memory\n") ||
		strings.Contains(got, "each VM") {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
}
