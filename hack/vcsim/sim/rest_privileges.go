package sim

import (
	"net/http"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// forbidREST looks at a call before it has had an effect, and returns the error that refuses it; nil lets it pass.
func (s *Simulator) forbidREST(c *restCall) *restError {
	if !c.known && c.name != restLogin {
		return notLoggedIn()
	}
	needs, ok := control.PrivilegesOf(c.name)
	if !ok && s.options.Strict {
		s.violations.add(s.restViolation(c, control.ViolationPrivilege, "the method is not among those that the controller may call"))
		return newRESTError(http.StatusForbidden, "unauthorized", "The method %s is not among those that the controller may call.", c.name)
	}
	switch {
	case c.serve == nil:
		return restNotFound("path", c.http.URL.Path)
	case c.invalid != nil:
		return invalidArgument("The body cannot be read: %v.", c.invalid)
	}
	if err := s.tripREST(c); err != nil {
		return err
	}
	for _, id := range needs {
		for _, on := range s.restTargets(c, id) {
			if s.lacks(on, id) {
				return unauthorized(on, id)
			}
		}
	}
	return nil
}

// restViolation describes a call as one that must not be.
func (s *Simulator) restViolation(c *restCall, kind, reason string) control.Violation {
	v := control.Violation{Kind: kind, Method: c.name, UserAgent: c.request.agent, Reason: reason, Refused: s.options.Strict}
	v.MoRef, v.Name = c.request.call.MoRef, c.request.call.Name
	v.TargetChanged = s.journal.vmChanged(v.MoRef)
	return v
}

// readPrivilege is the privilege to read anything.
const readPrivilege = "System.Read"

// restTargets returns the objects that a call as a whole asks for a privilege on. A call on many asks for each by itself.
func (s *Simulator) restTargets(c *restCall, privilege string) []types.ManagedObjectReference {
	switch target := control.TargetOf(c.name, privilege); {
	case target == control.OnTag && c.id() != "":
		return []types.ManagedObjectReference{tagRef(c.id())}
	case target == control.OnCluster && c.body.Spec.Cluster != "":
		return []types.ManagedObjectReference{clusterRef(c.body.Spec.Cluster)}
	case target == control.OnCluster && c.id() != "":
		return []types.ManagedObjectReference{clusterRef(s.modules.get(c.id()).Cluster)}
	case target == control.OnItself && c.body.ObjectID != nil:
		return []types.ManagedObjectReference{c.body.ObjectID.ref()}
	}
	return nil
}

// lacksAny reports whether the account lacks something that a call asks for on one of its targets.
func (s *Simulator) lacksAny(c *restCall, on types.ManagedObjectReference, target control.Target) bool {
	needs, _ := control.PrivilegesOf(c.name)
	return slices.ContainsFunc(needs, func(id string) bool {
		return control.TargetOf(c.name, id) == target && s.lacks(on, id)
	})
}
