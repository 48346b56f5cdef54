package plugin

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

func TestTree(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 2))
	vg := w.Ready("web", 2)
	kubectl := w.Kubectl()
	want(t, kubectl.Run("vmgroup", "tree", "web", "-n", w.Namespace), 0,
		"VmGroup "+w.Namespace+"/web  READY: 2 of 2 VMs available",
		"└─ "+w.FolderPath("web")+" ("+vg.Status.Folder.MoRef+")",
		"├─ "+vg.Status.VMs[0].Name, "poweredOn", vg.Status.VMs[0].Host, "Available",
		"└─ "+vg.Status.VMs[1].Name, "poweredOn", "Available")

	// The controller is away, and its status as old as that: vCenter knows better.
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = true })
	w.Phase("web", v1alpha1.PhaseReady)
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), vg.Status.VMs[0].MoRef))
	want(t, kubectl.Run("vmgroup", "tree", "-n", w.Namespace, "web"), 0,
		"PENDING (Paused)", vg.Status.VMs[0].Name, "poweredOff", "PoweredOff")

	want(t, kubectl.With("VC_HOST=").Run("vmgroup", "tree", "web", "-n", w.Namespace), 0,
		"└─ "+w.FolderPath("web"), vg.Status.VMs[0].Name, "what the controller wrote last: no vCenter is named")
	want(t, kubectl.With("VC_PORT=1").Run("vmgroup", "tree", "web", "-n", w.Namespace), 1,
		"└─ "+w.FolderPath("web"), vg.Status.VMs[0].Name, "vCenter could not be asked", "error: ", "vCenter does not answer")
}

var cloning = regexp.MustCompile(`(web-\S+-\d) .*Pending +clone [1-9]\d?% +being cloned`)

// TestCloning looks at a group while its clones run: by tree, by status, and by plan, which does not repeat them.
func TestCloning(t *testing.T) {
	w := newWorld(t, vcsim.Options{CloneDelay: 8 * time.Second})
	w.StartController()
	w.Create(w.Group("web", 2))
	kubectl := w.Kubectl()
	w.Eventually("the tree shows two clones with their progress", func() error {
		ran := kubectl.Run("vmgroup", "tree", "web", "-n", w.Namespace)
		names := map[string]bool{}
		for _, match := range cloning.FindAllStringSubmatch(ran.Stdout, -1) {
			names[match[1]] = true
		}
		if len(names) != 2 {
			return fmt.Errorf("%d clones", len(names))
		}
		return nil
	})
	w.Eventually("the status, in which progress is written a while later, tells of both", func() error {
		vg, err := w.Get("web")
		if err == nil && len(vg.Status.VMs) != 2 {
			err = fmt.Errorf("it lists %v", vg.Status.VMs)
		}
		return err
	})
	want(t, kubectl.Run("vmgroup", "status", "web", "-n", w.Namespace), 0,
		"PENDING (ScalingUp): 0 of 2 VMs available", "[--------------------] 0/2", "Conditions:", "Reconciling", "True",
		"VMs that are not available:", "Pending", "being cloned")
	want(t, kubectl.Run("vmgroup", "plan", "web", "-n", w.Namespace), 0, "PENDING (ScalingUp)", "nothing to do now", "Nothing was changed.")
	w.Ready("web", 2)
	calls, err := w.VCenter.Control.Calls(t.Context())
	harness.Must(t, err)
	if n := calls.Methods["CloneVM_Task"]; n != 2 {
		t.Error(errors.New("clones were sent by somebody else"), n)
	}
}

// TestTreeOfManyVMs shows more VMs than the status has room for, because vCenter is asked; without one it says what is missing.
func TestTreeOfManyVMs(t *testing.T) {
	const n = 130
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", n))
	vg := w.Ready("web", n)
	kubectl := w.Kubectl()
	for _, tc := range []struct {
		env   []string
		args  []string
		shown int
		last  string
	}{
		{nil, nil, n, "└─ web-"},
		{nil, []string{"-limit", "7"}, 7, "└─ and 123 more\n"},
		{nil, []string{"-limit", "130"}, n, "└─ web-"},
		{[]string{"VC_HOST="}, nil, 100, "└─ and 30 that are not in the status, which lists at most 100\n"},
		{[]string{"VC_HOST="}, []string{"--limit=20"}, 20, "└─ and 80 more, and 30 that are not in the status, which lists at most 100\n"},
	} {
		ran := kubectl.With(tc.env...).Run(append([]string{"vmgroup", "tree", "web", "-n", w.Namespace}, tc.args...)...)
		want(t, ran, 0, tc.last)
		shown := map[string]bool{}
		for _, vm := range w.VMs(vg) {
			shown[vm.Name] = strings.Contains(ran.Stdout, "─ "+vm.Name+" ")
		}
		maps.DeleteFunc(shown, func(_ string, is bool) bool { return !is })
		if len(shown) != tc.shown {
			t.Errorf("%v %v shows %d VMs, want %d", tc.env, tc.args, len(shown), tc.shown)
		}
	}
	want(t, kubectl.Run("vmgroup", "tree", "web", "-limit", "-1"), 2, "-limit is -1")
}
