package vim

import (
	"context"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var (
	testGroup = vsphere.GroupID{Namespace: "default", Name: "web", UID: testUID}
	// noAnswer is the last of several calls that were not answered: vCenter is away.
	noAnswer = &callError{method: "Any", ends: true, err: io.EOF}
	// lostAnswer is a change that vCenter may have made.
	lostAnswer = &callError{method: "Any_Task", mutating: true, sent: true, err: io.EOF}
	denied403  = soap.WrapVimFault(&types.NoPermission{PrivilegeId: "System.Read"})
)

// gone is the fault that proves that an object does not exist.
func goneFault(ref types.ManagedObjectReference) error {
	return soap.WrapVimFault(&types.ManagedObjectNotFound{Obj: ref})
}

// script answers calls in vCenter's place, and writes down which were made. A call that it says nothing of gets an empty
// answer.
type script struct {
	// fails are the errors of methods. The call gets the first, and drops it unless it is the last.
	fails map[string][]error
	// reads are the answers to reads of an object, in the same way: an error, or its properties, those that are withheld as
	// a fault.
	reads map[types.ManagedObjectReference][]any
	calls []string
}

// next returns the first of some answers, and drops it unless it is the last.
func next[K comparable, A any](answers map[K][]A, key K) (a A, ok bool) {
	list := answers[key]
	if len(list) == 0 {
		return a, false
	}
	if len(list) > 1 {
		answers[key] = list[1:]
	}
	return list[0], true
}

func (s *script) RoundTrip(_ context.Context, req, res soap.HasFault) error {
	method := methodName(req)
	s.calls = append(s.calls, method)
	if err, _ := next(s.fails, method); err != nil {
		return err
	}
	answer := reflect.ValueOf(res).Elem().FieldByName("Res")
	answer.Set(reflect.New(answer.Type().Elem()))
	if read, ok := req.(*methods.RetrievePropertiesExBody); ok {
		return s.read(read.Req.SpecSet[0], res.(*methods.RetrievePropertiesExBody))
	}
	return nil
}

func (s *script) read(spec types.PropertyFilterSpec, res *methods.RetrievePropertiesExBody) error {
	result := &types.RetrieveResult{}
	for _, o := range spec.ObjectSet {
		switch answer, _ := next(s.reads, o.Obj); answer := answer.(type) {
		case error:
			return answer
		case properties:
			content := types.ObjectContent{Obj: o.Obj}
			for name, val := range answer {
				if fault, withheld := val.(types.BaseMethodFault); withheld {
					content.MissingSet = append(content.MissingSet, types.MissingProperty{
						Path: name, Fault: types.LocalizedMethodFault{Fault: fault},
					})
					continue
				}
				content.PropSet = append(content.PropSet, types.DynamicProperty{Name: name, Val: val})
			}
			result.Objects = append(result.Objects, content)
		}
	}
	res.Res.Returnval = result
	return nil
}

// sent tells whether a method was called.
func (s *script) sent(method string) bool { return s.count(method) > 0 }

func (s *script) count(method string) (n int) {
	for _, call := range s.calls {
		if call == method {
			n++
		}
	}
	return n
}

// scripted is a connection that is in step, that the script answers, and that has the VM vm-1 of testGroup in group-3.
func scripted(t *testing.T, s *script) *testConn {
	t.Helper()
	c := syncedConnection(t, types.VirtualMachinePowerStatePoweredOff, nil)
	c.client = &vim25.Client{RoundTripper: s, ServiceContent: types.ServiceContent{
		SearchIndex: &types.ManagedObjectReference{}, TaskManager: &types.ManagedObjectReference{},
		ViewManager: &types.ManagedObjectReference{}, SessionManager: &types.ManagedObjectReference{},
		EventManager: &types.ManagedObjectReference{},
	}}
	c.places = places{sound: true, zones: []placedZone{{at: placement{storage: storage{stores: []types.ManagedObjectReference{store1}}}}}}
	return c
}

// asRead is what a read says of a VM of ours that is off, with changes.
func asRead(changes properties) properties {
	props := properties{}
	props.apply(described("web-0", "group-3"))
	props[propPower] = types.VirtualMachinePowerStatePoweredOff
	props[propDevices] = types.ArrayOfVirtualDevice{}
	props[propVMFile] = "[ds1] web-0/web-0.vmx"
	for name, val := range changes {
		props[name] = val
	}
	return props
}

// wantKnown compares whether the inventory has a VM.
func wantKnown(t *testing.T, c *testConn, ref vsphere.Ref, want bool) {
	t.Helper()
	if _, _, known := c.v.inv.Get(ref); known != want {
		t.Errorf("%s is in the inventory: %t, want %t", ref, known, want)
	}
}

// wantVerified compares whether a VM is about to be read.
func wantVerified(t *testing.T, c *testConn, ref vsphere.Ref, want bool) {
	t.Helper()
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	if got := c.queue.vms[ref]; got != want {
		t.Errorf("%s is to be read: %t, want %t", ref, got, want)
	}
}

// answer asks until there is an answer.
func answer(t *testing.T, ask func() error) error {
	t.Helper()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		if err := ask(); !errors.Is(err, vsphere.ErrPending) {
			return err
		}
		select {
		case <-again.C:
		case <-late.C:
			t.Fatal("there is no answer")
		}
	}
}

// removed asks for the removal of group-3, and returns the answer.
func removed(t *testing.T, c *testConn) error {
	t.Helper()
	return answer(t, func() error { return c.v.RemoveFolder(t.Context(), testGroup, "group-3") })
}

// wantClass compares the class of an error; "" is none.
func wantClass(t *testing.T, what string, err error, want vsphere.Class) {
	t.Helper()
	if err == nil && want == "" {
		return
	}
	if err == nil || vsphere.ClassOf(err) != want {
		t.Errorf("%s: %v (%s), want %q", what, err, vsphere.ClassOf(err), want)
	}
}
