package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// inZones gives a group these zones. One that ends with an exclamation mark is not there.
func inZones(names ...string) func(*Input) {
	return func(in *Input) {
		in.Class, in.Snapshot.Zones = "gold", nil
		for _, name := range names {
			zone := vsphere.Zone{Name: strings.TrimSuffix(name, "!")}
			if zone.Name != name {
				zone.Err = newError(vsphere.ClassInvalid)
			}
			in.Snapshot.Zones = append(in.Snapshot.Zones, zone)
		}
	}
}

func madeIn(zone string) func(*vsphere.VM) { return func(v *vsphere.VM) { v.Stamp.Zone = zone } }

func cloningTo(slot int, zone string) vsphere.Operation {
	op := cloning(slot)
	op.Place = vsphere.Place{Class: "gold", Zone: zone}
	return op
}

func failedIn(zone string, f vsphere.Failure) vsphere.Failure {
	f.Place = vsphere.Place{Class: "gold", Zone: zone}
	return f
}

func TestZonesOfClones(t *testing.T) {
	failing := func(failures ...vsphere.Failure) func(*Input) {
		return func(in *Input) { in.Snapshot.Failures = append(in.Snapshot.Failures, failures...) }
	}
	under := func(ops ...vsphere.Operation) func(*Input) {
		return func(in *Input) { in.Snapshot.Operations = append(in.Snapshot.Operations, ops...) }
	}
	exhausted := cloneFailed(0, vsphere.ClassExhausted)
	for name, tt := range map[string]struct {
		in   Input
		want string // clones by zone
	}{
		"evenly, the first of equals":            {input(group(5)).with(inZones("a", "b")), "a:3 b:2"},
		"those that are there count":             {input(group(4), vm(0, madeIn("a")), vm(1, madeIn("a"))).with(inZones("a", "b")), "b:2"},
		"those on their way count":               {input(group(4)).with(inZones("a", "b"), under(cloningTo(0, "a"), cloningTo(1, "a"))), "b:2"},
		"a zone that is no more counts for none": {input(group(3), vm(0, madeIn("old"))).with(inZones("a", "b")), "a:1 b:1"},
		"one is not there":                       {input(group(3)).with(inZones("a!", "b")), "b:3"},
		"none is there":                          {input(group(3)).with(inZones("a!", "b!")), ""},
		"none is known":                          {input(group(3)).with(inZones()), ""},
		"one waits after a failure":              {input(group(4)).with(inZones("a", "b"), failing(failedIn("a", exhausted))), "b:4"},
		"one is out of a resource, and tried":    {input(group(4)).with(inZones("a", "b"), failing(past(failedIn("a", exhausted)))), "a:1 b:3"},
		"the same, and one is on its way": {
			input(group(4)).with(inZones("a", "b"), failing(past(failedIn("a", exhausted))), under(cloningTo(9, "a"))), "b:3"},
		"all wait": {input(group(4)).with(inZones("a", "b"), failing(failedIn("a", exhausted), failedIn("b", exhausted))), ""},
	} {
		t.Run(name, func(t *testing.T) {
			zones := map[string]int{}
			for _, r := range clonesIn(Compute(tt.in)) {
				if r.Clone.Place.Class != "gold" {
					t.Errorf("clone %s goes to class %q", r.Name, r.Clone.Place.Class)
				}
				zones[r.Clone.Place.Zone]++
			}
			var got []string
			for _, zone := range slices.Sorted(maps.Keys(zones)) {
				got = append(got, fmt.Sprintf("%s:%d", zone, zones[zone]))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

// Where a zone takes no VMs and others do, the group goes on and says so; where none does, it is a problem.
func TestZonesThatFail(t *testing.T) {
	one := Compute(input(group(1), vm(0)).with(inZones("a!", "b")))
	if one.Problem != nil || len(one.Notices) != 1 || !strings.Contains(one.Notices[0].Message, "zone a takes no VMs") {
		t.Errorf("one: %+v, %+v", one.Problem, one.Notices)
	}
	all := Compute(input(group(1)).with(inZones("a!", "b!")))
	if all.Problem == nil || !strings.Contains(all.Problem.Message, "zone a: ") || !strings.Contains(all.Problem.Message, "zone b: ") {
		t.Errorf("all: %+v", all.Problem)
	}
	host := func(in *Input) {
		in.Snapshot.Zones[0].HostNeeded = true
		in.Snapshot.Zones[0].Hosts = []vsphere.Host{{Ref: "host-1", Name: "esx-1", Unfit: "is in maintenance mode"}}
	}
	if p := Compute(input(group(1)).with(inZones("a", "b"), host)); p.Problem != nil || clonesIn(p)[0].Clone.Place.Zone != "b" {
		t.Errorf("no host in one zone: %+v, %v", p.Problem, p.Requests)
	}
	if p := Compute(input(group(1)).with(inZones("a", "b!"), host)); p.Problem == nil || !strings.Contains(p.Problem.Message, "esx-1") {
		t.Errorf("no host in the only zone: %+v", p.Problem)
	}
}

// Surplus leaves the fullest zone; what comes before that in the order still comes before it.
func TestVictimsOfTheFullestZone(t *testing.T) {
	a, b := madeIn("a"), madeIn("b")
	for name, tt := range map[string]struct {
		in   Input
		want []vsphere.Ref
	}{
		"the fullest, though it has no younger ones": {
			input(group(2), vm(0, a, created(testNow)), vm(1, a, created(testNow)), vm(2, b, created(testNow.Add(1)))).with(inZones("a", "b")),
			[]vsphere.Ref{"vm-1"}},
		"in turn": {
			input(group(2), vm(0, a), vm(1, a), vm(2, a), vm(3, b)).with(inZones("a", "b")), []vsphere.Ref{"vm-2", "vm-1"}},
		"one that is off goes first": {
			input(group(2), vm(0, a), vm(1, a), vm(2, b, off)).with(inZones("a", "b")), []vsphere.Ref{"vm-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []vsphere.Ref
			for _, r := range Compute(tt.in).Requests {
				got = append(got, r.VM)
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(tt.want))
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// However a group grows and shrinks, its zones stay within one VM of each other as long as they are there and all of its VMs are
// alike.
func TestZonesStayWithinOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := zoneNames[:rapid.IntRange(1, len(zoneNames)).Draw(t, "zones")]
		slots := map[int]string{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			var vms []vsphere.VM
			for _, slot := range slices.Sorted(maps.Keys(slots)) {
				vms = append(vms, vm(slot, madeIn(slots[slot])))
			}
			in := input(group(rapid.Int32Range(0, 12).Draw(t, "replicas")), vms...).with(inZones(names...))
			for _, r := range Compute(in).Requests {
				switch {
				case r.Kind.Makes():
					slots[r.Clone.Slot] = r.Clone.Place.Zone
				default: // a step of a removal
					i := slices.IndexFunc(vms, func(v vsphere.VM) bool { return v.Ref == r.VM })
					delete(slots, vms[i].Stamp.Slot)
				}
			}
			count := map[string]int{}
			for _, name := range names {
				count[name] = 0
			}
			for _, zone := range slots {
				count[zone]++
			}
			numbers := slices.Collect(maps.Values(count))
			if slices.Max(numbers)-slices.Min(numbers) > 1 {
				t.Fatalf("zones %v", count)
			}
		}
	})
}
