package vspheresync

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// secrets are the user data of a namespace, by name and key. It counts the reads.
type secrets struct {
	data  map[string]string
	reads int
}

func (s *secrets) Read(_ context.Context, namespace, name, key string) (vsphere.Secret, error) {
	s.reads++
	text, ok := s.data[strings.Join([]string{namespace, name, key}, "/")]
	if !ok {
		return vsphere.Secret{}, noUserData(v1alpha1.ReasonUserDataNotFound, "no %s", name)
	}
	return vsphere.NewSecret([]byte(text)), nil
}

// told is a group whose guests are told what a Secret holds.
func told(replicas int32) *v1alpha1.VmGroup {
	vg := group(replicas)
	vg.Spec.Guest = &v1alpha1.GuestSpec{CloudInit: &v1alpha1.CloudInitSpec{UserDataSecretRef: &v1alpha1.SecretKeyReference{Name: "web"}}}
	return vg
}

// Without its user data no VM is begun, and nothing is tried again at once. Each sync reads the Secret once, for all that need it.
func TestUserDataThatAreMissing(t *testing.T) {
	f := newFixture(t, told(2))
	store := &secrets{data: map[string]string{}}
	f.cfg.UserData = store
	again, err := f.sync()
	if e, ok := errors.AsType[*vsphere.Error](err); !ok || e.Reason != v1alpha1.ReasonUserDataNotFound || again != userDataRetry {
		t.Errorf("again after %s, %v", again, err)
	}
	if calls := f.sent(fake.StartClone); len(calls) > 0 || store.reads != 1 {
		t.Errorf("%d reads, and %q", store.reads, calls)
	}
	if status := f.live().Status; status.Phase != v1alpha1.PhaseError || status.Message != "no web" {
		t.Errorf("%s: %s", status.Phase, status.Message)
	}
	store.data["default/web/user-data"] = "first"
	f.pass(userDataRetry)
	f.settle()
	for slot := range 2 {
		if data, _ := f.world.GuestDataOf(f.vm(slot).Ref); string(data.UserData.Bytes()) != "first" || f.vm(slot).Power != vsphere.PoweredOn {
			t.Errorf("slot %d was told %q, and is %s", slot, data.UserData.Bytes(), f.vm(slot).Power)
		}
	}
	// What is read for clones holds for a while. What is sent is read each time.
	before := store.reads
	f.scale(4)
	f.settle()
	if n := store.reads - before; n > 2 {
		t.Errorf("%d reads for two more VMs", n)
	}
	if data, _ := f.world.GuestDataOf(f.vm(3).Ref); string(data.UserData.Bytes()) != "first" {
		t.Error("a VM was told nothing")
	}
}

// What the API server answers, and what a tenant reads of it.
func TestSecretReader(t *testing.T) {
	const secret = `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"web"},"data":{"user-data":"c2VjcmV0"}}`
	for name, tt := range map[string]struct {
		code         int
		body         string
		want, reason string // reason is empty for what is the API server's trouble
		fails        bool
	}{
		"there":       {code: http.StatusOK, body: secret, want: "secret"},
		"other key":   {code: http.StatusOK, body: strings.Replace(secret, "user-data", "other", 1), fails: true, reason: v1alpha1.ReasonUserDataNotFound},
		"not there":   {code: http.StatusNotFound, fails: true, reason: v1alpha1.ReasonUserDataNotFound},
		"forbidden":   {code: http.StatusForbidden, fails: true, reason: v1alpha1.ReasonUserDataForbidden},
		"in trouble":  {code: http.StatusInternalServerError, fails: true},
		"not JSON":    {code: http.StatusOK, body: "c2VjcmV0", fails: true},
		"cut short":   {code: http.StatusOK, body: secret[:len(secret)-9], fails: true},
		"of one page": {code: http.StatusOK, body: secret + strings.Repeat(" ", maxSecret), want: "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/v1/namespaces/default/secrets/web" || r.Method != http.MethodGet {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.code)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			got, err := SecretReader{client.CoreV1().RESTClient()}.Read(t.Context(), "default", "web", "user-data")
			if string(got.Bytes()) != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %q, %v", got.Bytes(), err)
			}
			e, ok := errors.AsType[*vsphere.Error](err)
			if ok != (tt.reason != "") || ok && (e.Reason != tt.reason || e.Class != vsphere.ClassInvalid) {
				t.Errorf("got %v, want reason %q", err, tt.reason)
			}
			if err != nil && strings.Contains(err.Error(), "c2Vj") {
				t.Errorf("the error shows the contents: %v", err)
			}
		})
	}
}
