package invariants

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// Kubernetes taps a controller's way to the API server. It belongs closest to the wire: what another wrapper holds back has
// not been written, and what that pretends to be lost has. It is harness.Observer's.
func (c *Checker) Kubernetes(next http.RoundTripper) http.RoundTripper { return &tap{c, next} }

type tap struct {
	checker *Checker
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper. It notes a write before it is sent, and each VmGroup that an answer shows: the
// controller knows it from then on.
func (t *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && mustRead(req) {
		body, err := io.ReadAll(req.Body)
		if err = errors.Join(err, req.Body.Close()); err != nil {
			return nil, err
		}
		req = req.Clone(req.Context()) // which is not ours to change
		req.Body = io.NopCloser(bytes.NewReader(body))
		w := readWrite(req, body)
		t.checker.push(w)
		res, err := t.next.RoundTrip(req)
		if err == nil && res.StatusCode >= http.StatusBadRequest {
			t.checker.push(refusal{w, res.StatusCode})
		}
		return t.seen(req, res), err
	}
	res, err := t.next.RoundTrip(req)
	return t.seen(req, res), err
}

// WrappedRoundTripper lets client-go find the transport, whose idle connections it closes.
func (t *tap) WrappedRoundTripper() http.RoundTripper { return t.next }

// VCenter taps a controller's way to vCenter. It is harness.Observer's.
func (c *Checker) VCenter(next http.RoundTripper) http.RoundTripper { return &bounded{c, next} }

type bounded struct {
	checker *Checker
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper. It notes a call that nothing ends if vCenter does not.
func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, ok := req.Context().Deadline(); !ok {
		b.checker.push(unbounded{req.URL.Path})
	}
	return b.next.RoundTrip(req)
}

// CloseIdleConnections lets net/http reach those of the transport.
func (b *bounded) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// mustRead tells writes from reads. A Lease is written all the time and is nobody's business here.
func mustRead(req *http.Request) bool {
	return req.Method != http.MethodGet && !strings.Contains(req.URL.Path, "/leases") && !strings.Contains(req.URL.Path, "selfsubject")
}

// groupKey reads which VmGroup a path is about.
func groupKey(path string) (key types.NamespacedName, subresource string, ok bool) {
	_, rest, ok := strings.Cut(path, "/apis/"+v1alpha1.SchemeGroupVersion.String()+"/namespaces/")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) < 3 || parts[1] != "vmgroups" {
		return key, "", false
	}
	return types.NamespacedName{Namespace: parts[0], Name: parts[2]}, strings.Join(parts[3:], "/"), true
}

// readWrite reads what a write says of a VmGroup.
func readWrite(req *http.Request, body []byte) write {
	w := write{verb: req.Method, path: req.URL.Path}
	key, subresource, ok := groupKey(req.URL.Path)
	if !ok {
		return w
	}
	var object struct {
		Metadata struct {
			metav1.ObjectMeta
			Finalizers *[]string `json:"finalizers"`
		} `json:"metadata"`
		Status *v1alpha1.VmGroupStatus `json:"status"`
	}
	w.key = key
	if err := json.Unmarshal(body, &object); err != nil {
		return w // a DELETE says nothing
	}
	w.uid = string(object.Metadata.UID)
	w.version, _ = strconv.ParseUint(object.Metadata.ResourceVersion, 10, 64)
	if subresource == "status" {
		w.status = object.Status
	} else {
		w.finalizers = object.Metadata.Finalizers
		if w.finalizers == nil && req.Method == http.MethodPut {
			w.finalizers = &[]string{}
		}
	}
	return w
}

// seen notes the VmGroup in an answer.
func (t *tap) seen(req *http.Request, res *http.Response) *http.Response {
	if res == nil || res.StatusCode != http.StatusOK || req.Method == http.MethodDelete {
		return res
	}
	if _, _, ok := groupKey(req.URL.Path); !ok {
		return res
	}
	body, err := io.ReadAll(res.Body)
	rest := io.Reader(bytes.NewReader(body))
	if err != nil {
		rest = io.MultiReader(rest, failing{err})
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{rest, res.Body}
	vg := &v1alpha1.VmGroup{}
	if json.Unmarshal(body, vg) == nil && vg.UID != "" && vg.Kind != "Status" {
		t.checker.push(groupSeen{vg: vg})
	}
	return res
}

// failing is the end of a body that could not be read whole.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
