package node

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
)

// TestNode installs what ships on a real node, lives with it, and removes it.
func TestNode(t *testing.T) {
	s := newSite(t)
	install.Play(t, s, []install.Chapter[*site]{
		{Name: "the controller is installed", Play: (*site).installs},
		{Name: "its processes may no more than they are said to", Play: (*site).isConfined},
		{Name: "a group is made", Play: (*site).makes},
		{Name: "the leader's container is killed", Play: (*site).losesLeader},
		{Name: "the password is rotated", Play: (*site).rotates},
		{Name: "the group is deleted", Play: (*site).deletes},
		{Name: "everything is removed", Play: (*site).uninstalls},
	})
}

// installs does what the README says.
func (s *site) installs() {
	began := time.Now()
	s.Admin("apply", "-f", install.Artifact("install.yaml"))
	s.Admin("wait", "--for=condition=Established", "--timeout=60s", "crd/vmgroups.vsphere.vmware.com")
	s.Configure()
	s.WriteSecret()
	s.Admin("apply", "-f", s.File(install.ConfigFile), "-f", s.File(install.SecretFile))
	s.RolledOut()
	s.T.Logf("from kubectl apply to both Pods ready: %s", time.Since(began).Round(100*time.Millisecond))
	for _, pod := range s.Pods() {
		c := pod.Status.ContainerStatuses[0]
		if c.Image != image || c.ImageID == "" {
			s.T.Errorf("Pod %s runs %s (%s), want %s", pod.Name, c.Image, c.ImageID, image)
		}
		i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
		s.T.Logf("Pod %s: from its creation to its container %s, to ready %s (in whole seconds)", pod.Name,
			c.State.Running.StartedAt.Sub(pod.CreationTimestamp.Time), pod.Status.Conditions[i].LastTransitionTime.Sub(pod.CreationTimestamp.Time))
	}
	nodes, err := s.Kube.CoreV1().Nodes().List(s.T.Context(), metav1.ListOptions{})
	harness.Must(s.T, err)
	for _, i := range nodes.Items[0].Status.Images {
		s.T.Logf("%d bytes: image %s", i.SizeBytes, strings.Join(i.Names, ", "))
	}
}

// isConfined asks the kernel who the processes are, and what they may.
func (s *site) isConfined() {
	want := map[string]string{
		"Uid": "65532 65532 65532 65532", "Gid": "65532 65532 65532 65532", "Groups": "65532",
		"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapBnd": "0000000000000000",
		"NoNewPrivs": "1",
		"Seccomp":    "2", // by a filter
	}
	for _, pod := range s.Pods() {
		pid := process(s.T, &pod)
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || exe != "/vmgroup-controller" {
			s.T.Errorf("Pod %s runs %q (%v)", pod.Name, exe, err)
		}
		got := status(s.T, pid)
		for name := range want {
			if diff := cmp.Diff(want[name], got[name]); diff != "" {
				s.T.Errorf("%s of the process of Pod %s (-want +got):\n%s", name, pod.Name, diff)
			}
		}
		for _, path := range []string{"/", "/etc/vmgroup-controller/vcenter"} {
			if options := mountOptions(s.T, pid, path); !slices.Contains(options, "ro") {
				s.T.Errorf("the process of Pod %s may write to %s: %v", pod.Name, path, options)
			}
		}
		s.T.Logf("Pod %s uses %s of memory, of which %s are its own", pod.Name, got["VmRSS"], got["RssAnon"])
	}
}

func (s *site) makes() {
	s.User("create", "-f", install.Artifact("examples/example.yaml"))
	s.User("wait", "--for=condition=Ready", "--timeout=90s", "vg/"+install.Web)
	s.Ready(install.Web, 3)
}

// losesLeader kills the process of the leader's container, in the middle of a change. The kubelet starts it again, and
// somebody goes on.
func (s *site) losesLeader() {
	pod, holder := s.leader("")
	s.User("scale", "vg/"+install.Web, "--replicas=5")
	harness.Must(s.T, syscall.Kill(process(s.T, pod), syscall.SIGKILL))
	began := time.Now()
	s.leader(holder)
	s.T.Logf("another leads after %s", time.Since(began).Round(100*time.Millisecond))
	s.Ready(install.Web, 5)
	s.Eventually("the container runs again, and is ready", func() error {
		now, err := s.Kube.CoreV1().Pods(install.System).Get(s.T.Context(), pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		c := now.Status.ContainerStatuses[0]
		if last := c.LastTerminationState.Terminated; c.RestartCount != 1 || !c.Ready || last == nil || last.ExitCode != 128+int32(syscall.SIGKILL) {
			return fmt.Errorf("%d restarts, ready %t, ended %v", c.RestartCount, c.Ready, last)
		}
		return nil
	})
	s.RolledOut()
}

// rotates changes the password in vCenter and in the Secret. The kubelet brings it to the files of a Pod that runs.
func (s *site) rotates() {
	ctx, before := s.T.Context(), s.restarts()
	harness.Must(s.T, s.VCenter.Control.SetPassword(ctx, s.VCenter.Username, "another"))
	s.Password = "another"
	s.WriteSecret()
	s.Admin("apply", "-f", s.File(install.SecretFile))
	harness.Must(s.T, s.VCenter.Control.EndSessions(ctx))
	s.User("scale", "vg/"+install.Web, "--replicas=4")
	s.Ready(install.Web, 4)
	if diff := cmp.Diff(before, s.restarts()); diff != "" {
		s.T.Errorf("Pods, and how often their containers were started again, before and after (-before +after):\n%s", diff)
	}
}

func (s *site) deletes() {
	vg, err := s.Get(install.Web)
	harness.Must(s.T, err)
	s.User("delete", "vg", install.Web, "--timeout=90s")
	s.Gone(vg)
}

// uninstalls removes everything that was installed. Nothing of it stays on the node.
func (s *site) uninstalls() {
	s.Checker.Close()
	if leftOnNode(s.T) == nil {
		s.T.Fatal("the Pods are there, but nothing of them is seen on the node: it is looked for in the wrong places")
	}
	s.Admin("delete", "-f", install.Artifact("install.yaml"), "--timeout=90s")
	s.Eventually("nothing is left of the Pods", func() error { return leftOnNode(s.T) })
}
