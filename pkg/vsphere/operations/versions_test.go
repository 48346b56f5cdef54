package operations_test

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// TestAVersionMovesWithEachField changes each field of a snapshot in turn, so that none can be added and left out.
func TestAVersionMovesWithEachField(t *testing.T) {
	g := group("a")
	for i := range reflect.TypeFor[vsphere.Snapshot]().NumField() {
		field := reflect.TypeFor[vsphere.Snapshot]().Field(i)
		if field.Name == "Version" {
			continue
		}
		t.Run(field.Name, func(t *testing.T) {
			versions := operations.NewVersions()
			before, again := versions.Number(g, vsphere.Snapshot{}), versions.Number(g, vsphere.Snapshot{})
			var other vsphere.Snapshot
			fill(t, reflect.ValueOf(&other).Elem().Field(i))
			after := versions.Number(g, other)
			if before.Version != again.Version || after.Version == before.Version {
				t.Errorf("%d, unchanged %d, changed %d", before.Version, again.Version, after.Version)
			}
			if field.Type.Kind() != reflect.Slice {
				return
			}
			// Each field of an entry counts too.
			entry := field.Type.Elem()
			if entry.Kind() == reflect.Pointer {
				entry = entry.Elem()
			}
			for n := range entry.NumField() {
				var next vsphere.Snapshot
				list := reflect.ValueOf(&next).Elem().Field(i)
				fill(t, list)
				changed := list.Index(0)
				if changed.Kind() == reflect.Pointer {
					changed = changed.Elem()
				}
				fill(t, changed.Field(n))
				if before := versions.Number(g, other); versions.Number(g, next).Version == before.Version {
					t.Errorf("the version stays when %s changes", entry.Field(n).Name)
				}
			}
		})
	}
}

// fill gives a value that is not the zero one.
func fill(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if v.Type().Elem().Kind() == reflect.Pointer {
			v.Index(0).Set(reflect.New(v.Type().Elem().Elem()))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Struct:
		switch v.Type() {
		case reflect.TypeFor[time.Time]():
			v.Set(reflect.ValueOf(start))
		case reflect.TypeFor[netip.Prefix]():
			v.Set(reflect.ValueOf(netip.MustParsePrefix("192.0.2.0/24")))
		default:
			fill(t, v.Field(0))
		}
	default:
		t.Fatalf("no value for a %s", v.Type())
	}
}

func TestVersions(t *testing.T) {
	versions, a, b := operations.NewVersions(), group("a"), group("b")
	first := versions.Number(a, vsphere.Snapshot{Path: "/a"})
	if other := versions.Number(b, vsphere.Snapshot{Path: "/a"}); other.Version == first.Version {
		t.Error("two groups have one version")
	}
	second := versions.Number(a, vsphere.Snapshot{Path: "/b"})
	versions.Forget(a)
	if third := versions.Number(a, vsphere.Snapshot{Path: "/b"}); third.Version <= second.Version || second.Version <= first.Version {
		t.Errorf("%d, %d, and after the group was forgotten %d", first.Version, second.Version, third.Version)
	}
}
