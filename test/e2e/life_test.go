package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestLife is the life of an installation, from the first command to the last, and of a group in it.
func TestLife(t *testing.T) {
	s := newSite(t, "", vcsim.Options{CloneDelay: 500 * time.Millisecond, TemplateFolder: "templates"})
	s.install()

	install.Play(t, s, []install.Chapter[*site]{
		{Name: "a group is made and scaled", Play: (*site).makes},
		{Name: "what its VMs are made from is recorded", Play: (*site).recordsRevisions},
		{Name: "an administrator offers a class, and a tenant uses it", Play: (*site).offersClass},
		{Name: "guests are told who they are", Play: (*site).tellsGuests},
		{Name: "another manager takes over a field", Play: (*site).sharesFields},
		{Name: "the controller is upgraded while a group grows", Play: (*site).upgrades},
		{Name: "the leader is killed", Play: (*site).losesLeader},
		{Name: "a node is drained", Play: (*site).drains},
		{Name: "vCenter goes away", Play: (*site).losesVCenter},
		{Name: "the password is rotated", Play: (*site).rotates},
		{Name: "a setting is changed", Play: (*site).reconfigures},
		{Name: "an autoscaler scales", Play: (*site).autoscales},
		{Name: "the CRD is upgraded", Play: (*site).upgradesCRD},
		{Name: "the controller is removed, and comes back", Play: (*site).returns},
		{Name: "the group is deleted", Play: (*site).deletes},
		{Name: "everything is removed while a group is left", Play: (*site).leaves},
		{Name: "everything but the VMs is removed", Play: (*site).orphans},
		{Name: "everything is removed", Play: (*site).uninstalls},
	})
	s.allUsed(s.rules)
	s.allFollowed()
}

// makes creates the example as a user with the role edit does, and looks at it in every way that kubectl has.
func (s *site) makes() {
	s.User("create", "rolebinding", "jane", "--clusterrole=edit", "--user=jane")
	example := install.Artifact("examples/example.yaml")
	s.User("create", "-f", example, "--as=jane")
	s.User("delete", "vg", install.Web, "--as=jane", "--timeout=90s")
	s.follow("Install", 1)
	s.Ready(install.Web, 3)
	s.wantOutput("3         3           READY", "get", "vg", install.Web)
	s.wantOutput("GiB", "explain", "vmgroup.spec.memory")
	described := s.User("describe", "vg", install.Web)
	for _, want := range []string{"AllReplicasAvailable", "Available Replicas:", "Events:"} {
		if !strings.Contains(described, want) {
			s.T.Errorf("kubectl describe says nothing of %q:\n%s", want, described)
		}
	}
	if out, err := s.try("diff", "-f", example); err != nil {
		s.T.Errorf("kubectl diff finds a difference to what was created: %v\n%s", err, out)
	}
	// Twice the same, so that an event is repeated.
	for _, n := range []int32{5, 3, 5, 3} {
		s.User("scale", "vg/"+install.Web, fmt.Sprintf("--replicas=%d", n), "--as=jane")
		s.Ready(install.Web, n)
	}
	if out, err := s.try("patch", "vg/"+install.Web, "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"ERROR"}}`, "--as=jane"); err == nil {
		s.T.Errorf("a user with the role edit may write a status: %s", out)
	}
}

func (s *site) wantOutput(want string, args ...string) {
	s.T.Helper()
	if out := s.User(args...); !strings.Contains(out, want) {
		s.T.Errorf("kubectl %s: %q is not in\n%s", strings.Join(args, " "), want, out)
	}
}

// offersClass offers a class, and has a group made of it, that somebody with the role edit may not change.
func (s *site) offersClass() {
	s.follow("Offer a class", 0)
	s.wantOutput("True", "get", "vgc", "gold")
	if out, err := s.try("delete", "vgc", "gold", "--as=jane"); err == nil {
		s.T.Errorf("a user with the role edit may delete a class: %s", out)
	}
	s.follow("Use it", 0)
	s.Ready("gold-example", 2)
	s.wantOutput("Class:", "describe", "vg", "gold-example")
	s.User("delete", "vg", "gold-example", "--as=jane", "--timeout=90s")
}

// tellsGuests has guests told what a Secret holds that the controller may not read before a Role says so.
func (s *site) tellsGuests() {
	harness.Must(s.T, s.VCenter.Control.SetUsualGuest(s.T.Context(), control.Guest{Tools: true, CloudInit: true}))
	defer func() { harness.Must(s.T, s.VCenter.Control.SetUsualGuest(s.T.Context(), control.Guest{})) }()
	guests := install.Artifact("examples/guests.yaml")
	s.User("create", "-f", guests, "--as=jane")
	s.User("wait", "--for=jsonpath={.status.conditions[?(@.type=='Stalled')].reason}=UserDataForbidden", "--timeout=90s", "vg/guests-example")
	s.User("delete", "-f", guests, "--as=jane", "--timeout=90s")
	s.follow("Give each guest its user data", 0)
	states, err := s.VCenter.Control.GuestStates(s.T.Context())
	harness.Must(s.T, err)
	var names []string
	for _, state := range states {
		if state.On && state.UserData != "" {
			names = append(names, state.Hostname)
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{"web-0", "web-1"}) {
		s.T.Errorf("guests with user data are %q", names)
	}
	s.User("delete", "vg", "guests-example", "--as=jane", "--timeout=90s")
	s.User("delete", "-f", install.Artifact("examples/user-data-role.yaml"))
	s.User("delete", "secret", "guests-example")
	s.Admin("delete", "vgc", "gold", "--timeout=60s")
}

// sharesFields has a second manager apply a field of its own, and then one that is another's.
func (s *site) sharesFields() {
	file := filepath.Join(s.T.TempDir(), "vg.yaml")
	write := func(spec string) {
		harness.Must(s.T, os.WriteFile(file, fmt.Appendf(nil,
			"apiVersion: vsphere.vmware.com/v1alpha1\nkind: VmGroup\nmetadata: {name: %s}\nspec: {%s}\n", install.Web, spec), 0o600))
	}
	apply := []string{"apply", "--server-side", "--field-manager=autopilot", "-f", file}
	write("paused: false")
	s.User(apply...)
	write("paused: false, cpu: 2")
	if out, err := s.try(apply...); err == nil || !strings.Contains(err.Error(), "conflict") {
		s.T.Errorf("a field that is another's is applied: %v %s", err, out)
	}
	s.User(append(apply, "--force-conflicts")...)
	s.Ready(install.Web, 3)
}

// upgrades rolls the Deployment to another image while clones are under way: no VM is made twice, none is forgotten.
func (s *site) upgrades() {
	s.User("scale", "vg/"+install.Web, "--replicas=9")
	s.Admin("-n", install.System, "set", "image", "deployment/"+install.Deployment, "controller=vmgroup/vmgroup-controller:next")
	s.RolledOut()
	s.Ready(install.Web, 9)
	for _, pod := range s.Pods() {
		if image := pod.Spec.Containers[0].Image; !strings.HasSuffix(image, ":next") && pod.DeletionTimestamp == nil {
			s.T.Errorf("Pod %s runs %s", pod.Name, image)
		}
	}
}

// losesLeader kills the leader by SIGKILL in the middle of a change.
func (s *site) losesLeader() {
	pod, holder := s.leader()
	s.User("scale", "vg/"+install.Web, "--replicas=11")
	s.nodes.Kill(pod)
	s.succeeded(holder)
	s.Ready(install.Web, 11)
	s.User("scale", "vg/"+install.Web, "--replicas=3")
	s.Ready(install.Web, 3)
	s.RolledOut()
}

// drains empties the node of the leader.
func (s *site) drains() {
	old, holder := s.leader()
	node := ""
	for _, pod := range s.Pods() {
		if pod.Name == old {
			node = pod.Spec.NodeName
		}
	}
	s.Admin("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=90s")
	s.succeeded(holder)
	s.User("scale", "vg/"+install.Web, "--replicas=4")
	s.Ready(install.Web, 4)
	s.Admin("uncordon", node)
	s.RolledOut()
}

// losesVCenter looks at the leader while vCenter does not answer: it lives, it is not ready and says why, and nobody restarts
// it.
func (s *site) losesVCenter() {
	ctx := s.T.Context()
	pod, holder := s.leader()
	harness.Must(s.T, s.VCenter.Control.SetOutage(ctx, control.OutageRefuse))
	s.Eventually("the leader is not ready", func() error {
		if text := s.nodes.Get(pod, "health", "/readyz"); !strings.Contains(text, "[-]vcenter") {
			return fmt.Errorf("/readyz says:\n%s", text)
		}
		return nil
	})
	if text := s.nodes.Get(pod, "health", "/livez"); !strings.Contains(text, "livez check passed") {
		s.T.Errorf("while vCenter is away, /livez says:\n%s", text)
	}
	s.User("wait", "--for=condition=VCenterReachable=false", "--timeout=90s", "vg/"+install.Web)
	harness.Must(s.T, s.VCenter.Control.SetOutage(ctx, control.OutageOff))
	s.User("wait", "--for=condition=Ready", "--timeout=90s", "vg/"+install.Web)
	s.RolledOut()
	if _, now := s.leader(); now != holder {
		s.T.Errorf("after vCenter was away another leads, %s instead of %s", now, holder)
	}
}

// rotates changes the password in vCenter and in the Secret. Sessions outlive that; the next login needs it.
func (s *site) rotates() {
	ctx := s.T.Context()
	harness.Must(s.T, s.VCenter.Control.SetPassword(ctx, s.VCenter.Username, "another"))
	s.Password = "another"
	s.WriteSecret()
	s.Admin("apply", "-f", s.File(install.SecretFile))
	harness.Must(s.T, s.VCenter.Control.EndSessions(ctx))
	s.User("scale", "vg/"+install.Web, "--replicas=3")
	s.Ready(install.Web, 3)
}

// reconfigures changes a setting, to one that says what was chosen before.
func (s *site) reconfigures() {
	s.Settings = map[string]string{"DATACENTER": "DC0"}
	s.Configure()
	s.follow("Change settings", 0)
	s.User("scale", "vg/"+install.Web, "--replicas=4")
	s.Ready(install.Web, 4)
	s.User("scale", "vg/"+install.Web, "--replicas=3")
	s.Ready(install.Web, 3)
}

// upgradesCRD replaces the CRD of an older version, which lacks an optional field, while groups are stored.
func (s *site) upgradesCRD() {
	before, err := s.Get(install.Web)
	harness.Must(s.T, err)
	s.Admin("patch", "crd", "vmgroups.vsphere.vmware.com", "--type=json", "-p",
		`[{"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/paused"}]`)
	s.User("scale", "vg/"+install.Web, "--replicas=4")
	s.Ready(install.Web, 4)
	s.Admin("apply", "-f", install.Artifact("crd.yaml"))
	s.User("scale", "vg/"+install.Web, "--replicas=3")
	after := s.Ready(install.Web, 3)
	if after.UID != before.UID {
		s.T.Error("the group is another one after the upgrade of the CRD")
	}
	s.Eventually("the new field is served", func() error {
		_, err := s.try("patch", "vg/"+install.Web, "--type=merge", "-p", `{"spec":{"paused":true}}`)
		if err != nil {
			return err
		}
		vg, err := s.Get(install.Web)
		if err == nil && !vg.Spec.Paused {
			err = fmt.Errorf("it is dropped")
		}
		return err
	})
	s.Phase(install.Web, v1alpha1.PhaseReady)
	s.User("patch", "vg/"+install.Web, "--type=merge", "-p", `{"spec":{"paused":false}}`)
	s.Ready(install.Web, 3)
}

func (s *site) deletes() {
	vg, err := s.Get(install.Web)
	harness.Must(s.T, err)
	s.User("delete", "vg", install.Web, "--as=jane", "--timeout=90s")
	s.Gone(vg)
	s.revisions("", 0) // the garbage collector has taken what was left
}

// uninstalls removes everything.
func (s *site) uninstalls() {
	s.install()
	s.User("create", "-f", install.Artifact("examples/example.yaml"))
	s.Ready(install.Web, 3)
	s.rules = s.shippedRules()
	s.follow("Everything, and the VMs too", 0)
	s.stopped()
}
