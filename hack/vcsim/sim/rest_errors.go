package sim

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// restError is one of the standard errors of the REST endpoint.
type restError struct {
	status  int
	kind    string // such as "not_found"
	message restMessage
}

// restMessage is a text for people with an identifier for programs.
type restMessage struct {
	ID   string   `json:"id"`
	Text string   `json:"default_message"`
	Args []string `json:"args"`
}

func newRESTError(status int, kind, format string, args ...any) *restError {
	return &restError{status, kind, restMessage{
		ID: "com.vmware.vapi.std.errors." + kind, Text: fmt.Sprintf(format, args...), Args: []string{},
	}}
}

func notLoggedIn() *restError {
	return newRESTError(http.StatusUnauthorized, "unauthenticated", "Unable to authenticate user")
}

func unauthorized(on types.ManagedObjectReference, privilege string) *restError {
	return newRESTError(http.StatusForbidden, "unauthorized", "The privilege %s is required on %s:%s.", privilege, on.Type, on.Value)
}

func restNotFound(what, id string) *restError {
	return newRESTError(http.StatusNotFound, "not_found", "The %s %s does not exist.", what, id)
}

func invalidArgument(format string, args ...any) *restError {
	return newRESTError(http.StatusBadRequest, "invalid_argument", format, args...)
}

// name is the error as the journal has it, such as "NotFound".
func (e *restError) name() string {
	var out strings.Builder
	for word := range strings.SplitSeq(e.kind, "_") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// body is the error in the form of the path that was called.
func (e *restError) body(api bool) any {
	messages := []restMessage{e.message}
	if api {
		return map[string]any{"error_type": strings.ToUpper(e.kind), "messages": messages}
	}
	return map[string]any{"type": "com.vmware.vapi.std.errors." + e.kind, "value": map[string]any{"messages": messages}}
}

// restFaults is the errors that the faults of rules are answered as, with their statuses.
var restFaults = map[string]struct {
	status int
	kind   string
}{
	control.Unavailable:     {http.StatusServiceUnavailable, "service_unavailable"},
	"NotAuthenticated":      {http.StatusUnauthorized, "unauthenticated"},
	"InvalidLogin":          {http.StatusUnauthorized, "unauthenticated"},
	"NoPermission":          {http.StatusForbidden, "unauthorized"},
	"ManagedObjectNotFound": {http.StatusNotFound, "not_found"},
	"NotFound":              {http.StatusNotFound, "not_found"},
	"InvalidArgument":       {http.StatusBadRequest, "invalid_argument"},
	"AlreadyExists":         {http.StatusBadRequest, "already_exists"},
	"ResourceInUse":         {http.StatusBadRequest, "resource_in_use"},
	"Timedout":              {http.StatusGatewayTimeout, "timed_out"},
}

// restFault is the answer to a call that meets a rule. One that says the session is not authenticated ends it, as it is
// what a client hears whose session has gone.
func (s *Simulator) restFault(c *restCall, rule *rule) *restError {
	as := restFaults[rule.Type]
	if as.status == http.StatusUnauthorized {
		s.rest.end(c.session.id)
	}
	return newRESTError(cmp.Or(as.status, http.StatusInternalServerError), cmp.Or(as.kind, "internal_server_error"),
		"%s, as a fault rule has it", rule.Type)
}

// restSighting is what fault rules see of a call: the objects that it is about, and what its path names.
func (s *Simulator) restSighting(c *restCall) sighting {
	return sighting{
		method: c.name,
		names: func() []string {
			names := append([]string{c.id()}, s.tags.name(c.id())...)
			for _, id := range c.body.TagIDs {
				names = append(append(names, id), s.tags.name(id)...)
			}
			for _, ref := range c.objects() {
				names = append(names, ref.Value, entityName(s.registry, ref))
			}
			return names
		},
		into: func(string) bool { return false },
	}
}
