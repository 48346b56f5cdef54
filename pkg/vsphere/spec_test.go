package vsphere

import (
	"reflect"
	"strings"
	"testing"
)

// The values are those that released controllers have written into stamps. If one of them changes, every VM that stands
// looks old: then the version has to change, and the old formula has to stay.
func TestGoldenRevisions(t *testing.T) {
	for name, tt := range map[string]struct {
		spec   VMSpec
		v1, v2 string
	}{
		"a name":               {VMSpec{Template: "golden", CPU: 2, MemoryMiB: 4096}, "4fe6b2f7b1", "2:ff1a03a73e"},
		"a path":               {VMSpec{Template: "linux/ubuntu-24.04", CPU: 768, MemoryMiB: 24576 * 1024}, "e517b16af3", "2:d54e284916"},
		"characters to escape": {VMSpec{Template: "größe \"<&>%2f\u2028", CPU: 1, MemoryMiB: 1024}, "11e1496e01", "2:6ecc4afadf"},
		"none":                 {VMSpec{CPU: 1, MemoryMiB: 1024}, "13fcd0f0a5", "2:92a3ca1fda"},
		"networks":             {VMSpec{Template: "golden", CPU: 2, MemoryMiB: 4096, Networks: "front,db=10.2.0.11-10.2.0.13"}, "4fe6b2f7b1", "2:d2c0d8b4f1"},
		"customization":        {VMSpec{Template: "golden", CPU: 2, MemoryMiB: 4096, Guest: Guest{HostnamePrefix: "win", Customization: "join"}}, "4fe6b2f7b1", "2:0dfa756546"},
		"linked":               {VMSpec{Template: "golden", CPU: 2, MemoryMiB: 4096, Linked: true, Snapshot: "v1"}, "4fe6b2f7b1", "2:a46b5a51bd"},
		"a guest": {VMSpec{Template: "golden", CPU: 2, MemoryMiB: 4096, Guest: Guest{
			CloudInit: true, HostnamePrefix: "web", Secret: "web-1", Key: "user-data", SSHKeys: "k1\nk2",
		}}, "4fe6b2f7b1", "2:968d2ff09e"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.spec.revisionV1(); got != tt.v1 {
				t.Errorf("version 1 is %q, want %q", got, tt.v1)
			}
			if got := tt.spec.Revision(); got != tt.v2 {
				t.Errorf("version 2 is %q, want %q", got, tt.v2)
			}
		})
	}
}

// A field that is added later must leave no trace where it is absent.
func TestAbsentFieldsAreLeftOut(t *testing.T) {
	for field := range reflect.TypeFor[revised]().Fields() {
		tag := field.Tag.Get("json")
		if field.Name != "Template" && !strings.HasSuffix(tag, ",omitempty") && !strings.HasSuffix(tag, ",omitzero") {
			t.Errorf("%s is part of every revision: %q", field.Name, tag)
		}
	}
}

func TestAgeOf(t *testing.T) {
	spec := VMSpec{Template: "golden", CPU: 2, MemoryMiB: 4096}
	other := VMSpec{Template: "silver", CPU: 2, MemoryMiB: 4096}
	bigger := VMSpec{Template: "golden", CPU: 8, MemoryMiB: 4096}
	for name, tt := range map[string]struct {
		revision string
		cpu      int32 // that the VM has
		want     Age
	}{
		"1: version 2":                            {spec.Revision(), 2, Current},
		"1: version 2, of another size":           {bigger.Revision(), 8, Current},
		"1: version 1":                            {spec.revisionV1(), 2, Current},
		"1: version 1, resized by hand":           {spec.revisionV1(), 8, Current},
		"2: a later version":                      {"3:0a1b2c3d4e", 2, AgeUnknown},
		"2: a later version with our hash":        {"3:" + strings.TrimPrefix(spec.Revision(), "2:"), 2, AgeUnknown},
		"2: a version that is no number":          {"x:y", 2, AgeUnknown},
		"3: version 1 from before a resize":       {bigger.revisionV1(), 8, Current},
		"4: version 1, and resized twice":         {bigger.revisionV1(), 4, Old},
		"4: version 1, another template":          {other.revisionV1(), 2, Old},
		"4: version 2, another template":          {other.Revision(), 2, Old},
		"4: version 2's hash without its version": {strings.TrimPrefix(spec.Revision(), "2:"), 2, Old},
		"4: empty": {"", 2, Old},
	} {
		t.Run(name, func(t *testing.T) {
			vm := VM{CPU: tt.cpu, MemoryMiB: 4096, Stamp: &Stamp{Revision: tt.revision}}
			if got := spec.Revisions().AgeOf(&vm); got != tt.want {
				t.Errorf("it is %s, want %s", got, tt.want)
			}
		})
	}
}

// The size of the disk is compared, and no revision covers it: to set or to change it makes no VM old.
func TestDiskIsNoPartOfRevisions(t *testing.T) {
	spec := VMSpec{Template: "golden", CPU: 2, MemoryMiB: 4096}
	with := spec
	with.DiskGiB = 20
	if spec.Revisions() != with.Revisions() || spec.Hash() == with.Hash() {
		t.Errorf("revisions %+v and %+v, hashes %s and %s", spec.Revisions(), with.Revisions(), spec.Hash(), with.Hash())
	}
	vm := VM{CPU: 2, MemoryMiB: 4096, DiskBytes: GiB(10), Stamp: &Stamp{Revision: spec.revisionV1()}}
	if age := with.Revisions().AgeOf(&vm); age != Current {
		t.Errorf("one of version 1 is %s", age)
	}
}

func TestSizeOf(t *testing.T) {
	for name, tt := range map[string]struct {
		disk int32
		vm   VM
		want bool
	}{
		"no disk is asked for": {0, VM{CPU: 2, MemoryMiB: 4096, DiskBytes: GiB(99)}, true},
		"it is not known":      {20, VM{CPU: 2, MemoryMiB: 4096}, true},
		"it is equal":          {20, VM{CPU: 2, MemoryMiB: 4096, DiskBytes: GiB(20)}, true},
		"it is smaller":        {20, VM{CPU: 2, MemoryMiB: 4096, DiskBytes: GiB(20) - 1}, false},
		"it is larger":         {20, VM{CPU: 2, MemoryMiB: 4096, DiskBytes: GiB(20) + 1}, false},
		"the largest":          {63488, VM{CPU: 2, MemoryMiB: 4096, DiskBytes: 63488 << 30}, true},
		"other CPUs":           {20, VM{CPU: 1, MemoryMiB: 4096, DiskBytes: GiB(20)}, false},
		"other memory":         {20, VM{CPU: 2, MemoryMiB: 1, DiskBytes: GiB(20)}, false},
	} {
		if got := (VMSpec{CPU: 2, MemoryMiB: 4096, DiskGiB: tt.disk}).SizeOf(&tt.vm); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A stamp as released controllers have written it: the VM is neither foreign nor old to this one.
func TestStampOfVersion1(t *testing.T) {
	stamp, err := ParseStamp(`{"owner":"cluster","uid":"u-1","name":"web","slot":3,"revision":"4fe6b2f7b1","disks":[2000],"instance":"i-1"}`)
	if err != nil {
		t.Fatal(err)
	}
	vm := VM{Name: "web-u1-3", Configured: true, InstanceUUID: "i-1", CPU: 2, MemoryMiB: 4096, Stamp: stamp}
	if is := Identify("cluster", "u-1", vm); is != Ours {
		t.Errorf("it is %s", is)
	}
	spec := VMSpec{Template: "golden", CPU: 2, MemoryMiB: 4096}
	if age := spec.Revisions().AgeOf(&vm); age != Current {
		t.Errorf("it is %s", age)
	}
}

// The present form, as later versions have to read it.
func TestStampOfVersion2(t *testing.T) {
	stamp := Stamp{
		Version: StampVersion, Owner: "cluster", UID: "u-1", Namespace: "shop", Name: "web", Slot: 3, Revision: "2:ff1a03a73e",
		Disks: []int32{2000}, Instance: "i-1",
	}
	const want = `{"v":2,"owner":"cluster","uid":"u-1","namespace":"shop","name":"web","slot":3,"revision":"2:ff1a03a73e","disks":[2000],"instance":"i-1"}`
	if got := stamp.String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	stamp.Base = []string{"[ds1] linux/linux.vmdk"}
	linked := strings.Replace(want, `[2000],`, `[2000],"base":["[ds1] linux/linux.vmdk"],`, 1)
	if got := stamp.String(); got != linked {
		t.Errorf("of a linked clone: %s, want %s", got, linked)
	}
}
