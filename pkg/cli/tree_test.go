package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// A tree shows where each VM is, what it is connected to, and how its guest calls itself.
func TestTreeOfNetworks(t *testing.T) {
	vg := &v1alpha1.VmGroup{}
	vg.Namespace, vg.Name = "shop", "web"
	vg.Spec.Networks = []v1alpha1.NetworkSpec{{Name: "front"}, {Name: "db", Addresses: []string{"10.2.0.11"}}}
	vg.Status.Replicas = 2
	vg.Status.VMs = []v1alpha1.VMStatus{
		{Name: "web-0", Hostname: "www-0", Zone: "a", IP: "10.1.0.7", IPs: []string{"10.1.0.7", "10.2.0.11"}, State: v1alpha1.VMAvailable},
		{Name: "web-1", Hostname: "www-1", Zone: "b", IP: "10.1.0.8", State: v1alpha1.VMAvailable},
	}
	var out bytes.Buffer
	if err := printTree(&out, vg, treeView{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"networks: front, db", "10.1.0.7,10.2.0.11", "10.1.0.8", "www-1", "b "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in\n%s", want, out.String())
		}
	}
}
