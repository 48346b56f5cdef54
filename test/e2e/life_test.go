package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const web = "kopf-vmworld-example" // the group of the first example

// TestLife is the life of an installation, from the first command to the last, and of a group in it.
func TestLife(t *testing.T) {
	s := newSite(t, system, "", vcsim.Options{CloneDelay: 500 * time.Millisecond})
	s.install()

	for _, chapter := range []struct {
		name string
		play func(*site)
	}{
		{"a group is made and scaled", (*site).makes},
		{"another manager takes over a field", (*site).sharesFields},
		{"the controller is upgraded while a group grows", (*site).upgrades},
		{"the leader is killed", (*site).losesLeader},
		{"a node is drained", (*site).drains},
		{"vCenter goes away", (*site).losesVCenter},
		{"the password is rotated", (*site).rotates},
		{"a setting is changed", (*site).reconfigures},
		{"an autoscaler scales", (*site).autoscales},
		{"the CRD is upgraded", (*site).upgradesCRD},
		{"the controller is removed, and comes back", (*site).returns},
		{"the group is deleted", (*site).deletes},
		{"everything is removed while a group is left", (*site).leaves},
		{"everything but the VMs is removed", (*site).orphans},
		{"everything is removed", (*site).uninstalls},
	} {
		began := time.Now()
		chapter.play(s)
		if t.Failed() {
			t.Fatalf("failed: %s", chapter.name)
		}
		t.Logf("%s: %s", chapter.name, time.Since(began).Round(time.Millisecond))
	}
	s.allUsed(s.rules)
	s.allFollowed()
}

// makes creates the example as a user with the role edit does, and looks at it in every way that kubectl has.
func (s *site) makes() {
	s.kubectl("create", "rolebinding", "jane", "--clusterrole=edit", "--user=jane")
	example := artifact("examples/example.yaml")
	s.kubectl("create", "-f", example, "--as=jane")
	s.kubectl("delete", "vg", web, "--as=jane", "--timeout=90s")
	s.follow("Install", 1)
	s.Ready(web, 3)
	s.wantOutput("3         3           READY", "get", "vg", web)
	s.wantOutput("GiB", "explain", "vmgroup.spec.memory")
	described := s.kubectl("describe", "vg", web)
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
		s.kubectl("scale", "vg/"+web, fmt.Sprintf("--replicas=%d", n), "--as=jane")
		s.Ready(web, n)
	}
	if out, err := s.try("patch", "vg/"+web, "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"ERROR"}}`, "--as=jane"); err == nil {
		s.T.Errorf("a user with the role edit may write a status: %s", out)
	}
}

func (s *site) wantOutput(want string, args ...string) {
	s.T.Helper()
	if out := s.kubectl(args...); !strings.Contains(out, want) {
		s.T.Errorf("kubectl %s: %q is not in\n%s", strings.Join(args, " "), want, out)
	}
}

// sharesFields has a second manager apply a field of its own, and then one that is another's.
func (s *site) sharesFields() {
	file := filepath.Join(s.T.TempDir(), "vg.yaml")
	write := func(spec string) {
		harness.Must(s.T, os.WriteFile(file, fmt.Appendf(nil,
			"apiVersion: vsphere.vmware.com/v1alpha1\nkind: VmGroup\nmetadata: {name: %s}\nspec: {%s}\n", web, spec), 0o600))
	}
	apply := []string{"apply", "--server-side", "--field-manager=autopilot", "-f", file}
	write("paused: false")
	s.kubectl(apply...)
	write("paused: false, cpu: 2")
	if out, err := s.try(apply...); err == nil || !strings.Contains(err.Error(), "conflict") {
		s.T.Errorf("a field that is another's is applied: %v %s", err, out)
	}
	s.kubectl(append(apply, "--force-conflicts")...)
	s.Ready(web, 3)
}

// upgrades rolls the Deployment to another image while clones are under way: no VM is made twice, none is forgotten.
func (s *site) upgrades() {
	s.kubectl("scale", "vg/"+web, "--replicas=9")
	s.admin("-n", system, "set", "image", "deployment/"+deployment, "controller=vmgroup/vmgroup-controller:next")
	s.rolledOut()
	s.Ready(web, 9)
	for _, pod := range s.pods() {
		if image := pod.Spec.Containers[0].Image; !strings.HasSuffix(image, ":next") && pod.DeletionTimestamp == nil {
			s.T.Errorf("Pod %s runs %s", pod.Name, image)
		}
	}
}

// losesLeader kills the leader by SIGKILL in the middle of a change.
func (s *site) losesLeader() {
	pod, holder := s.leader()
	s.kubectl("scale", "vg/"+web, "--replicas=11")
	s.nodes.Kill(pod)
	s.succeeded(holder)
	s.Ready(web, 11)
	s.kubectl("scale", "vg/"+web, "--replicas=3")
	s.Ready(web, 3)
	s.rolledOut()
}

// drains empties the node of the leader.
func (s *site) drains() {
	old, holder := s.leader()
	node := ""
	for _, pod := range s.pods() {
		if pod.Name == old {
			node = pod.Spec.NodeName
		}
	}
	s.admin("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=90s")
	s.succeeded(holder)
	s.kubectl("scale", "vg/"+web, "--replicas=4")
	s.Ready(web, 4)
	s.admin("uncordon", node)
	s.rolledOut()
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
	s.kubectl("wait", "--for=condition=VCenterReachable=false", "--timeout=90s", "vg/"+web)
	harness.Must(s.T, s.VCenter.Control.SetOutage(ctx, control.OutageOff))
	s.kubectl("wait", "--for=condition=Ready", "--timeout=90s", "vg/"+web)
	s.rolledOut()
	if _, now := s.leader(); now != holder {
		s.T.Errorf("after vCenter was away another leads, %s instead of %s", now, holder)
	}
}

// rotates changes the password in vCenter and in the Secret. Sessions outlive that; the next login needs it.
func (s *site) rotates() {
	ctx := s.T.Context()
	harness.Must(s.T, s.VCenter.Control.SetPassword(ctx, s.VCenter.Username, "another"))
	s.password = "another"
	s.writeSecret()
	s.admin("apply", "-f", s.file("secret.yaml"))
	harness.Must(s.T, s.VCenter.Control.EndSessions(ctx))
	s.kubectl("scale", "vg/"+web, "--replicas=3")
	s.Ready(web, 3)
}

// reconfigures changes a setting, to one that says what was chosen before.
func (s *site) reconfigures() {
	s.settings = map[string]string{"DATACENTER": "DC0"}
	s.configure()
	s.follow("Change settings", 0)
	s.kubectl("scale", "vg/"+web, "--replicas=4")
	s.Ready(web, 4)
	s.kubectl("scale", "vg/"+web, "--replicas=3")
	s.Ready(web, 3)
}

// upgradesCRD replaces the CRD of an older version, which lacks an optional field, while groups are stored.
func (s *site) upgradesCRD() {
	before, err := s.Get(web)
	harness.Must(s.T, err)
	older := s.admin("patch", "--local", "-f", artifact("crd.yaml"), "--type=json", "-o", "yaml", "-p",
		`[{"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/paused"}]`)
	file := filepath.Join(s.T.TempDir(), "crd.yaml")
	harness.Must(s.T, os.WriteFile(file, []byte(older), 0o600))
	s.admin("apply", "-f", file)
	s.kubectl("scale", "vg/"+web, "--replicas=4")
	s.Ready(web, 4)
	s.admin("apply", "-f", artifact("crd.yaml"))
	s.kubectl("scale", "vg/"+web, "--replicas=3")
	after := s.Ready(web, 3)
	if after.UID != before.UID {
		s.T.Error("the group is another one after the upgrade of the CRD")
	}
	s.Eventually("the new field is served", func() error {
		_, err := s.try("patch", "vg/"+web, "--type=merge", "-p", `{"spec":{"paused":true}}`)
		if err != nil {
			return err
		}
		vg, err := s.Get(web)
		if err == nil && !vg.Spec.Paused {
			err = fmt.Errorf("it is dropped")
		}
		return err
	})
	s.Phase(web, v1alpha1.PhaseReady)
	s.kubectl("patch", "vg/"+web, "--type=merge", "-p", `{"spec":{"paused":false}}`)
	s.Ready(web, 3)
}

func (s *site) deletes() {
	vg, err := s.Get(web)
	harness.Must(s.T, err)
	s.kubectl("delete", "vg", web, "--as=jane", "--timeout=90s")
	if _, err := s.Get(web); !apierrors.IsNotFound(err) {
		s.T.Errorf("after kubectl delete: %v", err)
	}
	if vms := s.VMs(vg); len(vms) > 0 {
		s.T.Errorf("the group is gone, and %d of its VMs are left", len(vms))
	}
}

// uninstalls removes everything.
func (s *site) uninstalls() {
	s.install()
	s.kubectl("create", "-f", artifact("examples/example.yaml"))
	s.Ready(web, 3)
	s.rules = s.shippedRules()
	s.follow("Everything, and the VMs too", 0)
	s.stopped()
}
