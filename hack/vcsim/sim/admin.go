package sim

import (
	"fmt"
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// byHand reports whether a call comes from the control port rather than from a client.
func (s *Simulator) byHand(ctx *simulator.Context) bool {
	return ctx.Session == s.model.Service.Context.Session
}

// call carries out a call that is not a client's: neither counted nor faulted.
func (s *Simulator) call(method string, ref types.ManagedObjectReference, body any) (soap.HasFault, error) {
	res := s.invoke(s.background(), &simulator.Method{Name: method, This: ref, Body: body})
	if fault := res.Fault(); fault != nil {
		return nil, fmt.Errorf("%s of %s: %T", method, ref.Value, fault.VimFault())
	}
	return res, nil
}

// do is call for a method that returns a task. It waits for the task and returns its result.
func (s *Simulator) do(method string, ref types.ManagedObjectReference, body any) (types.AnyType, error) {
	result, fault := s.await(s.background(), &simulator.Method{Name: method, This: ref, Body: body})
	if fault != nil {
		return nil, fmt.Errorf("%s of %s: %T", method, ref.Value, fault)
	}
	return result, nil
}

// await carries out a call that returns a task, and waits for the task.
func (s *Simulator) await(ctx *simulator.Context, m *simulator.Method) (types.AnyType, types.BaseMethodFault) {
	res := s.invoke(ctx, m)
	if fault := res.Fault(); fault != nil {
		return nil, fault.VimFault().(types.BaseMethodFault)
	}
	body := reflect.ValueOf(res).Elem().FieldByName("Res").Elem()
	return waitTask(ctx, body.FieldByName("Returnval").Interface().(types.ManagedObjectReference))
}
