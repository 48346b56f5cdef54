package vim

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// FuzzFault lets vCenter answer with any fault there is, its fields filled with anything, nested in any of the ways in
// which faults arrive. Each gets a class and a sentence. One that no row knows is counted, and is never taken for the
// proof that something is gone or that a human must act.
func FuzzFault(f *testing.F) {
	all := faultTypes(f)
	all["unheardOf"] = &unheardOf{}
	names := slices.Sorted(maps.Keys(all))
	for i := range names {
		f.Add(i, i, "", uint8(i), uint8(0), true)
	}
	f.Add(slices.Index(names, "NoPermission"), 0, "VirtualMachine.Inventory.Create", uint8(7), uint8(1), true)
	f.Add(slices.Index(names, "SystemError"), slices.Index(names, "NoPermission"), "a: b: \x00\u202e. ", uint8(255), uint8(2), false)
	f.Fuzz(func(t *testing.T, i, cause int, text string, fill, nesting uint8, mutating bool) {
		name := names[index(i, len(names))]
		fault := reflect.New(reflect.TypeOf(all[name]).Elem()).Interface().(types.BaseMethodFault)
		fillIn(reflect.ValueOf(fault).Elem(), text, fill, 0)
		if m := fault.GetMethodFault(); fill&1 != 0 {
			inner := all[names[index(cause, len(names))]]
			m.FaultCause = &types.LocalizedMethodFault{Fault: inner, LocalizedMessage: text}
			m.FaultMessage = []types.LocalizableMessage{{Message: text}}
		}
		counted := 0
		v := newForTest(func(string) { counted++ })
		got := v.fail("Do this", arrive(fault, text, nesting, mutating))
		_, known := judge(fault)
		checkFailure(t, name, got)
		if (counted == 0) != known {
			t.Errorf("%s: counted as unknown %d times, but known is %t", name, counted, known)
		}
		if !known && got.Class != vsphere.ClassTransient {
			t.Errorf("%s: no row knows it, and it is called %s", name, got.Class)
		}
	})
}

func checkFailure(t *testing.T, name string, got *vsphere.Error) {
	t.Helper()
	classes := []vsphere.Class{
		vsphere.ClassTransient, vsphere.ClassConflict, vsphere.ClassInvalid, vsphere.ClassExhausted,
		vsphere.ClassUnavailable, vsphere.ClassUnknown,
	}
	if !slices.Contains(classes, got.Class) || got.Reason == "" {
		t.Errorf("%s: class %q, reason %q", name, got.Class, got.Reason)
	}
	if got.Fault != name {
		t.Errorf("%s: it is called %q", name, got.Fault)
	}
	if !strings.HasPrefix(got.Message, "Do this: ") || len(got.Message) <= len("Do this: .") {
		t.Errorf("%s: %q is no sentence", name, got.Message)
	}
	if got.Err == nil {
		t.Errorf("%s: the error of the client is lost", name)
	}
}

// arrive wraps a fault as govmomi does: in an answer to the call, by pointer or by value, or in a task; and all of it in
// what says which call it was.
func arrive(f types.BaseMethodFault, text string, nesting uint8, mutating bool) error {
	var err error
	switch nesting % 4 {
	case 0:
		err = soap.WrapVimFault(f)
	case 1:
		fault := &soap.Fault{Code: "ServerFaultCode", String: text}
		fault.Detail.Fault = f
		err = soap.WrapSoapFault(fault)
	case 2: // as the decoder makes it
		fault := &soap.Fault{Code: "ServerFaultCode", String: text}
		fault.Detail.Fault = reflect.ValueOf(f).Elem().Interface()
		err = soap.WrapSoapFault(fault)
	default:
		err = task.Error{LocalizedMethodFault: &types.LocalizedMethodFault{Fault: f, LocalizedMessage: text}}
	}
	err = &callError{method: "CloneVM_Task", mutating: mutating, sent: true, err: err}
	for range nesting / 64 {
		err = fmt.Errorf("%s: %w", text, errors.Join(errors.New(text), err))
	}
	return err
}

// fillIn puts the text into every string of a fault and, as the bits of fill say, makes its pointers and lists.
func fillIn(v reflect.Value, text string, fill uint8, depth int) {
	if depth > 3 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int32, reflect.Int64, reflect.Int16, reflect.Int8:
		v.SetInt(int64(int8(fill)))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fillIn(v.Field(i), text, fill, depth+1)
			}
		}
	case reflect.Pointer:
		if fill&2 != 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fillIn(v.Elem(), text, fill, depth+1)
		}
	case reflect.Slice:
		if fill&4 != 0 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			fillIn(v.Index(0), text, fill, depth+1)
		}
	default: // interfaces stay nil, as for a type that the client does not know
	}
}

// FuzzAnswerWithoutFault gives answers that name no fault, or one of a type that the client does not know.
func FuzzAnswerWithoutFault(f *testing.F) {
	f.Add("the server is tired", true, true)
	f.Add("", false, false)
	f.Fuzz(func(t *testing.T, text string, mutating, unnamed bool) {
		fault := &soap.Fault{Code: "ServerFaultCode", String: text}
		if !unnamed {
			fault.Detail.Fault = struct{ Text string }{text}
		}
		counted := 0
		v := newForTest(func(string) { counted++ })
		got := v.fail("Do this", &callError{method: "CloneVM_Task", mutating: mutating, sent: true, err: soap.WrapSoapFault(fault)})
		if got.Class != vsphere.ClassTransient || got.Message == "" || counted != 1 {
			t.Errorf("class %s, message %q, counted %d times", got.Class, got.Message, counted)
		}
	})
}

func index(i, n int) int { return int(uint(i) % uint(n)) }
