package sim

import (
	"net/http"
	"slices"

	"github.com/vmware/govmomi/simulator"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// restOwnOnly is the methods that a client may call on virtual machines of its own alone. Unless the control port has named
// the owner, any owner will do: a session of the REST endpoint makes no clones by which to know it.
var restOwnOnly = []string{
	"tagging.AttachTag", "tagging.AttachTagToMultipleObjects", "tagging.AttachMultipleTagsToObject",
	"tagging.DetachTag", "tagging.DetachMultipleTagsFromObject", "modules.AddMembers",
}

// tripREST refuses a call, and records it, that a controller of ours must never make.
func (s *Simulator) tripREST(c *restCall) *restError {
	reason := s.restTripwire(c)
	if reason == "" {
		return nil
	}
	s.violations.add(s.restViolation(c, control.ViolationTripwire, reason))
	return newRESTError(http.StatusInternalServerError, "internal_server_error", "tripwire: %s", reason)
}

// restTripwire says why a call must never be made, or returns "". What is not there is for the call to find out.
func (s *Simulator) restTripwire(c *restCall) string {
	if !s.options.Strict || !slices.Contains(restOwnOnly, c.name) {
		return ""
	}
	for _, ref := range c.objects() {
		vm, ok := s.registry.Get(ref).(*simulator.VirtualMachine)
		switch {
		case !s.there(ref):
		case !ok:
			return ref.Value + " is no VM that could be ours"
		case s.hub.isEmbryo(ref):
			return ref.Value + " is still being made: whose it is cannot be known"
		case !s.underRoot(vm):
			return ref.Value + " lies outside the root folder"
		default:
			var reason string
			s.background().WithLock(vm, func() { reason = s.notOwn("", vm, false) })
			if reason != "" {
				return ref.Value + ": " + reason
			}
		}
	}
	return ""
}
