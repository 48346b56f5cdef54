package vsphere

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

// everyField is a VM of which each field has a value.
func everyField(t *testing.T) VM {
	var vm VM
	v := reflect.ValueOf(&vm).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case *Stamp:
			vm.Stamp = &Stamp{Owner: "owner-1", Disks: []int32{2000}}
		case Customization:
			vm.Customization = Customization{State: CustomizationFailed, Message: "x"}
		case []string:
			vm.IPs = []string{"192.0.2.1", "2001:db8::1"}
		case time.Time:
			vm.Created = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		case bool:
			f.SetBool(true)
		case int32, int64:
			f.SetInt(1)
		default:
			if f.Kind() != reflect.String {
				t.Fatalf("no value for %s", v.Type().Field(i).Name)
			}
			f.SetString("x")
		}
	}
	return vm
}

// TestSameVM takes each field away in turn, so that none can be added and left out.
func TestSameVM(t *testing.T) {
	vm, elsewhere := everyField(t), everyField(t)
	if !SameVM(&vm, &vm) || !SameVM(&vm, &elsewhere) || !SameVM(&VM{}, &VM{}) {
		t.Error("a VM is another one than itself")
	}
	for i := range reflect.TypeFor[VM]().NumField() {
		field, other := reflect.TypeFor[VM]().Field(i).Name, everyField(t)
		reflect.ValueOf(&other).Elem().Field(i).SetZero()
		if SameVM(&vm, &other) || SameVM(&other, &vm) {
			t.Errorf("the same with another %s", field)
		}
	}
	elsewhere.Stamp.Disks[0]++
	if SameVM(&vm, &elsewhere) {
		t.Error("the same with another stamp")
	}
	elsewhere = everyField(t)
	slices.Reverse(elsewhere.IPs)
	if SameVM(&vm, &elsewhere) {
		t.Error("the same with its addresses in another order")
	}
}
