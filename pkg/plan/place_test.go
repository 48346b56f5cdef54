package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// hostsToName lets clones name a host. A host is written as its name and what makes it unfit; vms are how many VMs of ours
// are on it.
func hostsToName(vms map[string]int, unfit ...string) func(*Input) {
	return func(in *Input) {
		zone := &in.Snapshot.Zones[0]
		zone.HostNeeded = true
		for name, n := range vms {
			h := vsphere.Host{Ref: vsphere.Ref("host-" + name), Name: name, VMs: n}
			for _, u := range unfit {
				if of, why, _ := strings.Cut(u, " "); of == name {
					h.Unfit = why
				}
			}
			zone.Hosts = append(zone.Hosts, h)
		}
	}
}

func on(host string) func(*vsphere.VM) { return func(v *vsphere.VM) { v.Host = host } }

// past is a failure that has been waited out.
func past(f vsphere.Failure) vsphere.Failure {
	f.At = f.At.Add(-time.Hour)
	return f
}

func cloningOn(slot int, host vsphere.Ref) vsphere.Operation {
	op := cloning(slot)
	op.Host = host
	return op
}

// The numbers are those of hosts.pick; 0 is hostsFor.
func TestPlacesOfClones(t *testing.T) {
	for name, tt := range map[string]struct {
		in   Input
		want map[vsphere.Ref]int
	}{
		"0: vCenter chooses": {input(group(2)), map[vsphere.Ref]int{"": 2}},
		"0: only those that are fit": {
			input(group(4)).with(hostsToName(map[string]int{"a": 0, "b": 9, "c": 0}, "a is in maintenance mode", "c is disconnected")),
			map[vsphere.Ref]int{"host-b": 4}},
		"1: evenly": {
			input(group(6)).with(hostsToName(map[string]int{"a": 0, "b": 0, "c": 0})),
			map[vsphere.Ref]int{"host-a": 2, "host-b": 2, "host-c": 2}},
		"1: to where the group has least": {
			input(group(5), vm(0, on("a")), vm(1, on("a")), vm(2, on("b"))).with(hostsToName(map[string]int{"a": 2, "b": 1, "c": 50})),
			map[vsphere.Ref]int{"host-c": 1, "host-b": 1}},
		"1: clones under way count": {
			input(group(4)).with(hostsToName(map[string]int{"a": 0, "b": 0}), operations(cloningOn(0, "host-a"), cloningOn(1, "host-a"))),
			map[vsphere.Ref]int{"host-b": 2}},
		"1: a clone under way whose VM is there counts once": {
			input(group(3), vm(0, on("a")), vm(1, on("b"))).with(hostsToName(map[string]int{"a": 1, "b": 0}), operations(cloningOn(0, "host-a"))),
			map[vsphere.Ref]int{"host-b": 1}},
		"2: to where ours are least": {
			input(group(2)).with(hostsToName(map[string]int{"a": 3, "b": 1, "c": 2})),
			map[vsphere.Ref]int{"host-b": 1, "host-c": 1}},
		"4: another one after a failure": {
			input(group(1)).with(hostsToName(map[string]int{"a": 0, "b": 7}), failures(past(cloneFailed(0, vsphere.ClassExhausted)))),
			map[vsphere.Ref]int{"host-b": 1}},
		"4: and the first again": {
			input(group(1)).with(hostsToName(map[string]int{"a": 0, "b": 7}), failures(times(2, past(cloneFailed(0, vsphere.ClassExhausted))))),
			map[vsphere.Ref]int{"host-a": 1}},
		"none is fit":   {input(group(2)).with(hostsToName(map[string]int{"a": 0}, "a is disconnected")), map[vsphere.Ref]int{}},
		"there is none": {input(group(2)).with(hostsToName(nil)), map[vsphere.Ref]int{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[vsphere.Ref]int{}
			p := Compute(tt.in)
			for _, c := range clonesIn(p) {
				got[c.Clone.Host]++
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if len(tt.want) == 0 && p.EnsureFolder {
				t.Error("a folder is made although nothing can be cloned")
			}
		})
	}
}

// Groups of one VM each, all planned before any of their clones is to be seen, are spread all the same.
func TestPlacesOfManySmallGroups(t *testing.T) {
	load := hosts{{Host: vsphere.Host{Ref: "host-a"}}, {Host: vsphere.Host{Ref: "host-b"}}, {Host: vsphere.Host{Ref: "host-c"}}}
	seen := map[vsphere.Ref]int{}
	for i := range 300 {
		for _, h := range load {
			h.group, h.VMs = 0, 0
		}
		seen[load.pick(VMName(fmt.Sprintf("web-%d", i), testUID, 0), 0)]++
	}
	for _, h := range load {
		if n := seen[h.Ref]; n < 70 || n > 130 {
			t.Errorf("%d of 300 on %s, want about 100 on each: %v", n, h.Ref, seen)
		}
	}
}

// The status names the hosts that can take no VM, but only if clones are due.
func TestNoHost(t *testing.T) {
	unfit := hostsToName(map[string]int{"a": 0, "b": 0}, "a is disconnected", "b is in maintenance mode")
	p := Compute(input(group(1)).with(unfit)).Problem
	if p == nil || p.Stalled || p.Reason != v1alpha1.ReasonResourceExhausted ||
		!strings.Contains(p.Message, "a is disconnected, b is in maintenance mode") {
		t.Errorf("%+v", p)
	}
	if p := Compute(input(group(1)).with(hostsToName(nil))).Problem; p == nil || !strings.Contains(p.Message, "there is none") {
		t.Errorf("no host at all: %+v", p)
	}
	many := map[string]int{}
	var why []string
	for i := range maxHostsListed + 3 {
		many[fmt.Sprint(i)] = 0
		why = append(why, fmt.Sprintf("%d is disconnected", i))
	}
	if p := Compute(input(group(1)).with(hostsToName(many, why...))).Problem; p == nil || !strings.Contains(p.Message, ", and 3 more;") {
		t.Errorf("many hosts: %+v", p)
	}
	if p := Compute(input(group(1), vm(0)).with(unfit)).Problem; p != nil {
		t.Errorf("nothing is due: %+v", p)
	}
}

// Whatever the group and its VMs are like: a clone names a host that can take it, if one has to be named, and none otherwise.
func TestEachCloneNamesAFitHost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		in.Snapshot.Zones = []vsphere.Zone{{HostNeeded: rapid.Bool().Draw(t, "needed")}}
		zone := &in.Snapshot.Zones[0]
		fit := map[vsphere.Ref]bool{}
		for i := range rapid.IntRange(0, 4).Draw(t, "hosts") {
			h := vsphere.Host{
				Ref: vsphere.Ref(fmt.Sprintf("host-%d", i)), Name: fmt.Sprint(i), Unfit: pick(t, "unfit", "", "", "is disconnected"),
				VMs: rapid.IntRange(0, 9).Draw(t, "VMs"),
			}
			if zone.HostNeeded {
				zone.Hosts = append(zone.Hosts, h)
				fit[h.Ref] = h.Unfit == ""
			}
		}
		before := slices.Clone(zone.Hosts)
		for _, c := range clonesIn(Compute(in)) {
			if c.Clone.Host == "" && zone.HostNeeded || c.Clone.Host != "" && !fit[c.Clone.Host] {
				t.Fatalf("clone %s on %q; fit %v", c.Name, c.Clone.Host, maps.Collect(maps.All(fit)))
			}
		}
		if diff := cmp.Diff(before, zone.Hosts); diff != "" {
			t.Fatalf("the input has changed: %s", diff)
		}
	})
}
