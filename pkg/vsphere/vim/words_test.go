package vim

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// A stamp that cannot be read as one proves nothing: the VM is foreign, and is left alone.
func TestAStampThatCannotBeReadIsNone(t *testing.T) {
	s := &script{reads: reads{vmRef("vm-1"): {asRead(properties{propStamp: types.OptionValue{Value: "{broken"}})}}}
	c := scripted(t, s)
	wantClass(t, "StartDestroy", c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, "vm-1")), vsphere.ClassConflict)
	if s.sent("Destroy_Task") {
		t.Error("it is destroyed")
	}
}

func TestTheGuardsOwnReasonIsKept(t *testing.T) {
	v := newForTest(nil)
	own := &vsphere.Error{Class: vsphere.ClassUnavailable, Reason: "LeaseLost", Message: "the lease is lost."}
	if err := v.fail("Clone", &guardError{own}); err.Reason != "LeaseLost" || !strings.Contains(err.Message, "the lease is lost") {
		t.Errorf("%+v", err)
	}
	if err := v.fail("Clone", &guardError{errors.New("no")}); err.Reason != vsphere.ReasonWriteForbidden {
		t.Errorf("%+v", err)
	}
}

func TestAFaultWithoutContent(t *testing.T) {
	if text := causeText((*types.MethodFault)(nil)); text != "vCenter reports MethodFault" {
		t.Errorf("%q", text)
	}
}

func TestTheWayToTheDatacenterCannotBeRead(t *testing.T) {
	s := &script{reads: reads{
		{}:                    {properties{propName: "DC0", propParent: folderRef("group-d7"), "vmFolder": folderRef("group-v3")}},
		folderRef("group-d7"): {noAnswer},
	}}
	c := scripted(t, s)
	c.client.ServiceContent.RootFolder = folderRef("group-d1")
	_, err := c.resolveSite(t.Context(), newAncestry(c.connection))
	if !errors.Is(err, noAnswer) {
		t.Errorf("%v: a path that is known in part would name another root", err)
	}
}

// A login that succeeded stands, whether or not it could be recorded.
func TestALoginThatCannotBeRecorded(t *testing.T) {
	v := testConnection(t).v
	v.logins.gate = forgetful{}
	v.logins.unanswered = []time.Time{time.Now()}
	if err := v.logins.noteLogin(t.Context(), "user", fingerprint("user", "pw"), nil); err != nil || len(v.logins.unanswered) > 0 {
		t.Errorf("%v; %d unanswered logins count", err, len(v.logins.unanswered))
	}
	refused := &callError{sent: true, err: soap.WrapVimFault(&types.InvalidLogin{})}
	if _, ok := errors.AsType[*loginPutOff](v.logins.noteLogin(t.Context(), "user", fingerprint("user", "pw"), refused)); !ok {
		t.Error("a refused login is forgotten, because it could not be recorded")
	}
}

// forgetful is a gate that cannot record an end.
type forgetful struct{}

func (forgetful) Begin(context.Context, string, string) (bool, time.Duration, error) {
	return false, time.Minute, nil
}

func (forgetful) End(context.Context, bool) error { return errors.New("no API server") }

func (forgetful) Unanswered(context.Context) error { return errors.New("no API server") }

// Another process, or another replica, was refused.
func TestALoginThatTheGateForbids(t *testing.T) {
	v := testConnection(t).v
	v.logins.gate = forgetful{}
	now := time.Now()
	putOff, ok := errors.AsType[*loginPutOff](v.logins.mayLogin(t.Context(), "user", "pw", fingerprint("user", "pw")))
	if !ok || putOff.until.Before(now.Add(time.Minute)) || putOff.err.Reason != v1alpha1.ReasonCredentialsRejected {
		t.Fatalf("%+v", putOff)
	}
	if !strings.Contains(putOff.err.Message, `"user"`) || strings.Contains(putOff.err.Message, "pw") {
		t.Errorf("%q", putOff.err.Message)
	}
}

func TestLogout(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		ok   bool
	}{
		{"done", nil, true},
		{"there is no session any more", soap.WrapVimFault(&types.NotAuthenticated{}), true},
		{"nobody answers", noAnswer, false},
	} {
		c := scripted(t, &script{fails: fails{"Logout": {tt.err}}})
		if err := logout(t.Context(), c.client); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// One call that fails must not leave a session behind; vCenter is not asked for ever.
func TestALogoutThatFailsIsTriedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []error
		calls   int
		ok      bool
	}{
		"the first fails": {[]error{noAnswer, nil}, 2, true},
		"all fail":        {[]error{noAnswer}, 2, false},
		"none fails":      {[]error{nil}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{fails: fails{"Logout": tt.answers}}
			c := scripted(t, s)
			var err error
			if c.client.Client, err = c.v.newSoapClient(); err != nil { // whose idle connections are closed
				t.Fatal(err)
			}
			c.v.last = c.client
			if err := c.v.logout(t.Context()); (err == nil) != tt.ok || s.count("Logout") != tt.calls {
				t.Errorf("%v after %v", err, s.calls)
			}
		})
	}
}
