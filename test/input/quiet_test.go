package input

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

const (
	// canary is the group whose VMs are destroyed by hand. When it is healed, whatever runs hot has had its turn.
	canary = "canary"
	heals  = 3

	// What a heal may take, all told: it takes 5 syncs and 8 calls. A group that does not rest takes thousands.
	syncsPerHeal = 15
	callsPerHeal = 25
	// syncsPerGroup is what each other group may take meanwhile: it may look again whether its template is there, and a slow machine
	// takes long for the heals.
	syncsPerGroup = 2
)

var addresses = regexp.MustCompile(`"Serving" address="([^"]+)"`)

// scrape returns the sum of a metric of the controller over its labels.
func scrape(w *harness.World, c *harness.Controller, metric string) float64 {
	w.T.Helper()
	for _, match := range addresses.FindAllStringSubmatch(c.Log(), -1) {
		response, err := http.Get("http://" + match[1] + "/metrics")
		harness.Must(w.T, err)
		body, err := io.ReadAll(response.Body)
		harness.Must(w.T, errors.Join(err, response.Body.Close()))
		if response.StatusCode != http.StatusOK {
			continue // the other server, that of the health
		}
		sum := 0.0
		for line := range strings.Lines(string(body)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if name, _, _ = strings.Cut(name, "{"); name != metric {
				continue
			}
			if i := strings.LastIndex(value, " "); i >= 0 { // behind labels with spaces
				value = value[i+1:]
			}
			n, err := strconv.ParseFloat(value, 64)
			harness.Must(w.T, err)
			sum += n
		}
		return sum
	}
	w.T.Fatalf("no server has metrics; the log is:\n%s", c.Log())
	return 0
}

// wantQuiet lets the canary be healed a few times and counts what the controller does meanwhile: no other group is synced
// over and over, asks vCenter, or is written.
func wantQuiet(w *harness.World, c *harness.Controller) {
	w.T.Helper()
	heal(w) // whatever was still under way ends
	w.Eventually("the statuses tell what there is", func() error {
		for _, group := range resting(w) {
			if err := told(w, &group); err != nil {
				return err
			}
		}
		return nil
	})
	before, groups := scrape(w, c, "vmgroup_syncs_total"), resting(w)
	harness.Must(w.T, w.VCenter.Control.ResetCalls(w.T.Context()))
	for range heals {
		heal(w)
	}
	calls, err := w.VCenter.Control.Calls(w.T.Context())
	harness.Must(w.T, err)
	syncs := scrape(w, c, "vmgroup_syncs_total") - before
	w.T.Logf("%d heals of one group beside %d others at rest: %.0f syncs, %d SOAP calls", heals, len(groups), syncs, calls.Total())
	if syncs > float64(heals*syncsPerHeal+len(groups)*syncsPerGroup) || calls.Total() > heals*callsPerHeal {
		w.T.Errorf("it runs hot: %.0f syncs, and these calls: %v", syncs, calls.Methods)
	}
	for name, now := range resting(w) {
		if before := groups[name]; now.ResourceVersion != before.ResourceVersion {
			w.T.Errorf("%s was written at rest (-before +after):\n%s", name, cmp.Diff(before, now))
		}
	}
}

// told returns an error while a status is behind: mere progress is written rarely, and a host is read after its VM is there.
func told(w *harness.World, group *v1alpha1.VmGroup) error {
	w.T.Helper()
	status := group.Status
	if vms := w.VMs(group); int(status.Replicas) != len(vms) {
		return fmt.Errorf("%s tells %d VMs, there are %d", group.Name, status.Replicas, len(vms))
	}
	for _, vm := range status.VMs {
		if vm.PowerState == "poweredOn" && vm.Host == "" {
			return fmt.Errorf("%s does not tell the host of %s", group.Name, vm.Name)
		}
	}
	return nil
}

// heal destroys the canary's VM and waits until there is another.
func heal(w *harness.World) {
	w.T.Helper()
	group, err := w.Get(canary)
	harness.Must(w.T, err)
	old := w.VMs(group)[0]
	w.Eventually("the canary's VM goes", func() error { // the controller may switch it on again in between
		if !slices.ContainsFunc(allVMs(w), func(vm control.VM) bool { return vm.MoRef == old.MoRef }) {
			return nil
		}
		return w.VCenter.Control.DestroyVM(w.T.Context(), old.MoRef)
	})
	w.Eventually("the canary has another VM, and says so", func() error {
		group, err := w.Get(canary)
		if err != nil {
			return err
		}
		if vms := group.Status.VMs; len(vms) != 1 || vms[0].MoRef == old.MoRef || group.Status.AvailableReplicas != 1 {
			return fmt.Errorf("%+v", vms)
		}
		return nil
	})
	w.Ready(canary, 1)
}

// resting returns all groups but the canary.
func resting(w *harness.World) map[string]v1alpha1.VmGroup {
	w.T.Helper()
	groups, err := w.List()
	harness.Must(w.T, err)
	out := map[string]v1alpha1.VmGroup{}
	for _, group := range groups {
		if group.Name != canary {
			out[group.Name] = group
		}
	}
	return out
}

// noPanics fails if the controller has met a panic, or a fault that it does not know.
func noPanics(w *harness.World, c *harness.Controller) {
	w.T.Helper()
	for _, metric := range []string{"vmgroup_panics_total", "vmgroup_unclassified_faults_total"} {
		if n := scrape(w, c, metric); n > 0 {
			w.T.Errorf("%s is %.0f", metric, n)
		}
	}
	if strings.Contains(c.Log(), "panic") {
		w.T.Error("there is a panic in the log")
	}
}
