package sim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// restBody is the body of any request: the names of its fields mean the same in all of them.
type restBody struct {
	ObjectID   *restObject  `json:"object_id"`
	ObjectIDs  []restObject `json:"object_ids"`
	TagIDs     []string     `json:"tag_ids"`
	CategoryID string       `json:"category_id"`
	VMs        []string     `json:"vms"`
	Spec       struct {
		Cluster string `json:"cluster"`
	} `json:"spec"`
}

// restObject is a reference to an object of the inventory, as the REST endpoint writes it.
type restObject struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

func (o restObject) ref() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: o.Type, Value: o.ID}
}

func restObjectOf(ref types.ManagedObjectReference) restObject {
	return restObject{Type: ref.Type, ID: ref.Value}
}

// restCall is one call of the REST endpoint.
type restCall struct {
	restMethod
	http    *http.Request
	request *request
	session restSession
	known   bool // whether there is such a session
	body    restBody
	invalid error // why the body cannot be read; nil if it can
}

// id is what the path names: a tag, a category or a module.
func (c *restCall) id() string { return strings.TrimPrefix(c.http.PathValue("id"), "id:") }

// objects is what the call is about, of the inventory.
func (c *restCall) objects() []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	if c.body.ObjectID != nil {
		refs = append(refs, c.body.ObjectID.ref())
	}
	for _, o := range c.body.ObjectIDs {
		refs = append(refs, o.ref())
	}
	for _, id := range c.body.VMs {
		refs = append(refs, types.ManagedObjectReference{Type: "VirtualMachine", Value: id})
	}
	if id := c.body.Spec.Cluster; id != "" {
		refs = append(refs, clusterRef(id))
	}
	return refs
}

// newRESTCall returns the call that a request makes of one of the methods of its path.
func (s *Simulator) newRESTCall(rq *request, r *http.Request, methods []restMethod) *restCall {
	c := &restCall{http: r, request: rq}
	// What is not simulated goes by what it was called with.
	c.name = r.Method + " " + r.URL.Path
	query := r.URL.Query()
	for _, m := range methods {
		if m.action == query.Get("~action")+query.Get("action") {
			c.restMethod = m
		}
	}
	c.session, c.known = s.rest.seen(r.Header.Get(restSessionHeader))
	c.invalid = c.read()
	return c
}

// read decodes the body. A field that is not known is a mistake of the client, or of this simulator.
func (c *restCall) read() error {
	body, err := io.ReadAll(c.http.Body)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return decoder.Decode(&c.body)
}
