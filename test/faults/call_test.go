package faults

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Side is one of the two servers that the controller talks to.
type Side string

// Sides.
const (
	Kubernetes Side = "k8s"
	VCenter    Side = "vc"
)

// Call names one request of the controller so that it can be found again in another run: the Nth of its kind.
type Call struct {
	Side   Side
	Verb   string // create, update, patch, get, list, watch; or the SOAP method
	Object string // what of, without names that differ from run to run; "" if the verb says it all
	N      int    // from 1, within one incarnation
}

func (c Call) String() string { return fmt.Sprintf("%s.%d", c.kind(), c.N) }

func (c Call) kind() string {
	if c.Object == "" {
		return string(c.Side) + "." + c.Verb
	}
	return string(c.Side) + "." + c.Verb + "." + c.Object
}

// changes are the SOAP methods that change vCenter.
var changes = []string{
	"CloneVM_Task", "PowerOnVM_Task", "PowerOffVM_Task", "ShutdownGuest", "ResetVM_Task", "ReconfigVM_Task", "Destroy_Task",
	"UnregisterAndDestroy_Task", "CreateFolder", "CancelTask",
	"tagging-AttachTagToMultipleObjects", "modules-Create", "modules-Delete", "modules-AddMembers", "modules-RemoveMembers",
}

// Mutating reports whether the call changes what matters. An event does not.
func (c Call) Mutating() bool {
	if c.Side == VCenter {
		return slices.Contains(changes, c.Verb)
	}
	return slices.Contains([]string{"create", "update", "patch", "delete"}, c.Verb) && c.Object != "events"
}

// asksPermission reports whether the call only asks what the controller may do, as at each start, whatever the scenario.
func (c Call) asksPermission() bool { return strings.HasSuffix(c.Object, "selfsubjectaccessreviews") }

// Task reports whether the call starts a task, which may fail later.
func (c Call) Task() bool { return c.Side == VCenter && strings.HasSuffix(c.Verb, "_Task") }

// soapCall is what tells one SOAP request from another.
type soapCall struct {
	Body struct {
		Method struct {
			XMLName xml.Name
			Name    string `xml:"name"`
		} `xml:",any"`
	} `xml:"Body"`
}

// identify names a request, but for its number. The body of the request can be read again afterwards.
func identify(side Side, r *http.Request) (Call, error) {
	if side == Kubernetes {
		return identifyREST(r), nil
	}
	if !strings.HasPrefix(r.URL.Path, "/sdk") && !strings.HasPrefix(r.URL.Path, "/pbm") {
		return Call{Side: VCenter, Verb: restVerb(r)}, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return Call{}, fmt.Errorf("read a request to vCenter: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var call soapCall
	if err := xml.Unmarshal(body, &call); err != nil {
		return Call{}, fmt.Errorf("a request to vCenter is no SOAP: %w", err)
	}
	c := Call{Side: VCenter, Verb: call.Body.Method.XMLName.Local}
	if c.Verb == "CloneVM_Task" {
		c.Object = slotOf(call.Body.Method.Name)
	}
	return c, nil
}

// slotOf drops from the name of a VM what differs from run to run: web-x1y2z-0 is web-0.
func slotOf(name string) string {
	parts := strings.Split(name, "-")
	if len(parts) < 3 {
		return name
	}
	return strings.Join(append(parts[:len(parts)-2], parts[len(parts)-1]), "-")
}

var verbs = map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}

func identifyREST(r *http.Request) Call {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if i := slices.Index(parts, "namespaces"); i >= 0 && i+2 < len(parts) {
		parts = parts[i+2:]
	} else if len(parts) > 2 {
		parts = parts[len(parts)-2:]
	}
	c := Call{Side: Kubernetes, Verb: verbs[r.Method], Object: strings.Join(parts, "-")}
	switch {
	case c.Verb != "":
	case r.URL.Query().Get("watch") != "":
		c.Verb = "watch"
	case len(parts) == 1:
		c.Verb = "list"
	default:
		c.Verb = "get"
	}
	return c
}

// restVerb names a request to vCenter's REST endpoint as the simulator does, with a dash for the dot, which ends a verb in the name
// of a plan.
func restVerb(r *http.Request) string {
	query := r.URL.Query()
	action := query.Get("~action") + query.Get("action")
	members := strings.HasSuffix(r.URL.Path, "/members")
	for _, known := range []struct {
		is   bool
		verb string
	}{
		{strings.HasSuffix(r.URL.Path, "/session") && action == "get", "session-Get"},
		{strings.HasSuffix(r.URL.Path, "/session") && r.Method == http.MethodDelete, "session-Logout"},
		{strings.HasSuffix(r.URL.Path, "/session"), "session-Login"},
		{action == "attach-tag-to-multiple-objects", "tagging-AttachTagToMultipleObjects"},
		{action == "list-attached-objects-on-tags", "tagging-ListAttachedObjectsOnTags"},
		{action == "list-tags-for-category", "tagging-ListTagsForCategory"},
		{strings.HasSuffix(r.URL.Path, "/tagging/category"), "tagging-ListCategories"},
		{strings.Contains(r.URL.Path, "/tagging/category/"), "tagging-GetCategory"},
		{strings.Contains(r.URL.Path, "/tagging/tag/"), "tagging-GetTag"},
		{members && action == "add", "modules-AddMembers"},
		{members && action == "remove", "modules-RemoveMembers"},
		{members, "modules-ListMembers"},
		{strings.HasSuffix(r.URL.Path, "/modules") && r.Method == http.MethodPost, "modules-Create"},
		{strings.HasSuffix(r.URL.Path, "/modules"), "modules-List"},
		{strings.Contains(r.URL.Path, "/modules/") && r.Method == http.MethodDelete, "modules-Delete"},
	} {
		if known.is {
			return known.verb
		}
	}
	return r.Method + " " + r.URL.Path
}
