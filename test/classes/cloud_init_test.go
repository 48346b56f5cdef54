package classes

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// reading is what cloud-init makes of what a guest is told.
type reading struct {
	Instance, Hostname, UserData string
	Keys                         []string
	Slot                         int
	Interfaces                   []networkInterface
}

type networkInterface struct {
	Name, MAC                        string
	DHCP                             bool
	Addresses, Gateways, Nameservers []string
}

// cannotBeHad is how hack/cloud-init.sh ends where Debian's packages are out of reach. That is no fault of this code.
const cannotBeHad = 3

// TestCloudInitItself lets cloud-init's own code read what the VMs of a group are given. The simulator's guests have the same rules, by
// our own reading of its documents.
func TestCloudInitItself(t *testing.T) {
	modules, err := exec.CommandContext(t.Context(), filepath.Join(harness.Root(), "hack", "cloud-init.sh"), filepath.Join(harness.Root(), "bin", "cloud-init")).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == cannotBeHad { // there is no Debian, or no way to its packages
		t.Skipf("NOT PROVEN: that cloud-init reads what guests are told. Its code cannot be had here, from Debian's packages: %v", err)
	}
	harness.Must(t, err)
	w := guests(t, "cloud-init")
	start(w, "cloud-init")
	secret(w, "web", v1alpha1.DefaultUserDataKey, "#cloud-config\nruncmd: [\"true\"]\n")
	vg := groupOf(w, "web", "cloud-init", 2)
	vg.Spec.Networks = []v1alpha1.NetworkSpec{{Name: "web", Addresses: []string{"10.1.0.11-10.1.0.12"}}, {Name: "data"}}
	vg.Spec.Guest = &v1alpha1.GuestSpec{HostnamePrefix: "www", CloudInit: &v1alpha1.CloudInitSpec{
		UserDataSecretRef: &v1alpha1.SecretKeyReference{Name: "web"}, SSHAuthorizedKeys: []string{"ssh-ed25519 AAAA ops", "ssh-rsa BBBB dev"},
	}}
	// A guest that has started has written over its user data.
	vg.Spec.Power = &v1alpha1.PowerSpec{State: new(v1alpha1.StatePoweredOff)}
	w.Create(vg)
	vg = w.Phase("web", v1alpha1.PhaseReady)
	if n := len(w.VMs(vg)); n != 2 {
		t.Fatalf("%d VMs", n)
	}
	for i, vm := range w.VMs(vg) {
		got := readBy(t, strings.TrimSpace(string(modules)), guestInfo(w, vm))
		slot := int(vm.Name[len(vm.Name)-1] - '0')
		want := reading{
			Instance: vm.InstanceUUID, Hostname: []string{"www-0", "www-1"}[slot], UserData: "#cloud-config\nruncmd: [\"true\"]\n",
			Keys: []string{"ssh-ed25519 AAAA ops", "ssh-rsa BBBB dev"}, Slot: slot,
			Interfaces: []networkInterface{
				{
					Name: "eth0", MAC: vm.NICs[0].MAC, Addresses: []string{[]string{"10.1.0.11/24", "10.1.0.12/24"}[slot]},
					Gateways: []string{"10.1.0.1"}, Nameservers: []string{"10.1.0.2"},
				},
				{Name: "eth1", MAC: vm.NICs[1].MAC, DHCP: true, Addresses: []string{}, Gateways: []string{}, Nameservers: []string{}},
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("VM %d (-want +got):\n%s", i, diff)
		}
	}
}

// readBy runs cloud-init's datasource with the values of guestinfo in its environment, which is one of its transports.
func readBy(t *testing.T, modules string, values map[string]string) reading {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-W", "ignore", "testdata/cloud_init.py")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+modules, "VMX_GUESTINFO=1")
	for key, value := range values {
		cmd.Env = append(cmd.Env, "VMX_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))+"="+value)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got reading
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got
}

// guestInfo returns what a VM has below guestinfo., as vCenter tells it.
func guestInfo(w *harness.World, vm control.VM) map[string]string {
	w.T.Helper()
	u, err := url.Parse(w.VCenter.URL)
	harness.Must(w.T, err)
	u.User = url.UserPassword(w.VCenter.Username, w.VCenter.Password)
	client, err := govmomi.NewClient(w.T.Context(), u, true)
	harness.Must(w.T, err)
	defer func() { harness.Must(w.T, client.Logout(contextOf(w))) }()
	var read mo.VirtualMachine
	ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: vm.MoRef}
	harness.Must(w.T, property.DefaultCollector(client.Client).RetrieveOne(w.T.Context(), ref, []string{"config.extraConfig"}, &read))
	out := map[string]string{}
	for _, option := range object.OptionValueList(read.Config.ExtraConfig) {
		if o := option.GetOptionValue(); strings.HasPrefix(o.Key, "guestinfo.") {
			out[o.Key], _ = o.Value.(string)
		}
	}
	return out
}
