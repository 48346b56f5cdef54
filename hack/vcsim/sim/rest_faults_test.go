package sim_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vapi/cluster"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// tagging is a virtual machine with a tag that may be attached to it.
type tagging struct {
	*env
	client *rest.Client
	vm     types.ManagedObjectReference
	id     string
}

func startTagging(t testing.TB) *tagging {
	e := start(t, sim.Options{})
	return &tagging{env: e, client: e.rest(), vm: e.clone("a"), id: e.tag("backup", "daily")}
}

func (e *tagging) attach(ctx context.Context) error {
	return tags.NewManager(e.client).AttachTag(ctx, e.id, e.vm)
}

// A call meets the rules that name it, and with the rule's mode it has an effect or has none.
func TestRESTFaults(t *testing.T) {
	for mode, test := range map[string]struct {
		status int // 0 for no answer
		fault  string
		effect bool
	}{
		control.LostReply:       {0, control.ReplyLost, true},
		control.Cut:             {0, control.ReplyLost, false},
		control.Unavailable:     {503, "ServiceUnavailable", false},
		"NotAuthenticated":      {401, "Unauthenticated", false},
		"NoPermission":          {403, "Unauthorized", false},
		"ManagedObjectNotFound": {404, "NotFound", false},
		"InvalidArgument":       {400, "InvalidArgument", false},
		"Timedout":              {504, "TimedOut", false},
		"SystemError":           {500, "InternalServerError", false},
	} {
		t.Run(mode, func(t *testing.T) {
			e := startTagging(t)
			e.must(e.control.AddFault(e.ctx, control.Fault{Method: "tagging.AttachTag", Type: mode, Count: 1}))
			since := e.now()
			err := e.attach(e.ctx)
			if test.status != 0 {
				wantStatus(t, err, test.status)
			} else if err == nil || !strings.Contains(err.Error(), "EOF") {
				t.Errorf("error %v, want a connection that was cut", err)
			}
			want := map[string][]string{}
			if test.effect {
				want[e.vm.Value] = []string{"backup/daily"}
			}
			e.wantTagged(want)
			e.await(since, "answer", func(e control.Entry) bool { return e.Kind == control.EntryAnswer && e.Method == "tagging.AttachTag" })
			entries := e.journal(since)
			call := find(t, entries, "call", func(e control.Entry) bool { return e.Kind == control.EntryCall })
			answer := find(t, entries, "answer", func(e control.Entry) bool { return e.Kind == control.EntryAnswer })
			if call.MoRef != e.vm.Value || call.Name != "a" || call.User != "user" || call.Agent != e.client.UserAgent {
				t.Errorf("call: %+v", call)
			}
			if answer.Call != call.Seq || answer.Fault != test.fault {
				t.Errorf("answer: %+v, want %s", answer, test.fault)
			}
			calls, err := e.control.Calls(e.ctx)
			e.must(err)
			if n := calls.UserAgents[e.client.UserAgent]["tagging.AttachTag"]; n != 1 {
				t.Errorf("%d calls, want 1", n)
			}
			if mode == "NotAuthenticated" { // the session has gone for good
				if n := len(e.restSessions()); n != 0 {
					t.Errorf("%d sessions, want none", n)
				}
				e.must(e.client.Login(e.ctx, url.UserPassword("user", "pass")))
			}
			e.must(e.attach(e.ctx))
		})
	}
}

// Rules tell calls apart by what they are about.
func TestRESTFaultsByEntity(t *testing.T) {
	e := startTagging(t)
	gold, b := e.tag("class", "gold"), e.clone("b")
	m := tags.NewManager(e.client)
	modules := cluster.NewManager(e.client)
	module, err := modules.CreateModule(e.ctx, e.clusters()[0])
	e.must(err)
	for entity, calls := range map[string]struct{ meets, passes func() error }{
		"b": {
			func() error { return m.AttachTag(e.ctx, gold, b) },
			func() error { return m.AttachTag(e.ctx, gold, e.vm) },
		},
		"daily": {
			func() error { return m.AttachTag(e.ctx, e.id, b) },
			func() error { return m.AttachTag(e.ctx, gold, b) },
		},
		gold: {
			func() error { _, err := m.ListAttachedObjectsOnTags(e.ctx, []string{e.id, gold}); return err },
			func() error { _, err := m.ListAttachedObjectsOnTags(e.ctx, []string{e.id}); return err },
		},
		module: {
			func() error { _, err := modules.ListModuleMembers(e.ctx, module); return err },
			func() error { _, err := modules.ListModules(e.ctx); return err },
		},
		"DC0_C*": {
			func() error { _, err := modules.CreateModule(e.ctx, e.clusters()[0]); return err },
			func() error { _, err := modules.ListModules(e.ctx); return err },
		},
	} {
		e.must(e.control.AddFault(e.ctx, control.Fault{Method: "*", Entity: entity, Type: control.Unavailable}))
		wantStatus(t, calls.meets(), http.StatusServiceUnavailable)
		if err := calls.passes(); err != nil {
			t.Errorf("%s: another call: %v", entity, err)
		}
		e.must(e.control.ClearFaults(e.ctx))
	}

	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "tagging.*", Type: "NoPermission"}))
	wantStatus(t, e.attach(e.ctx), http.StatusForbidden)
	e.clone("c")
	if _, err := modules.ListModules(e.ctx); err != nil {
		t.Errorf("a call on modules met a rule for tags: %v", err)
	}
	if err := e.control.AddFault(e.ctx, control.Fault{Method: "[", Type: "NoPermission"}); err == nil {
		t.Error("a pattern that is none was accepted")
	}
}

// A call that hangs has no effect until the faults are cleared.
func TestRESTHang(t *testing.T) {
	e := startTagging(t)
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "tagging.AttachTag", Type: control.Hang}))
	since, done := e.now(), make(chan error, 1)
	go func() { done <- e.attach(e.ctx) }()
	e.await(since, "call", func(e control.Entry) bool { return e.Kind == control.EntryCall })
	e.wantTagged(map[string][]string{})
	e.must(e.control.ClearFaults(e.ctx))
	e.must(<-done)
	e.wantTagged(map[string][]string{e.vm.Value: {"backup/daily"}})
}

// A call whose answer is late has its effect at once.
func TestRESTLateReply(t *testing.T) {
	e := startTagging(t)
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "tagging.AttachTag", Type: control.LateReply, Slow: endless}))
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- e.attach(ctx) }()
	for len(e.tagged()) == 0 {
		if e.ctx.Err() != nil {
			t.Fatal(e.ctx.Err())
		}
	}
	select {
	case err := <-done:
		t.Errorf("an answer came: %v", err)
	default:
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("an answer came")
	}
}

// Outages concern the REST endpoint as they concern the SOAP endpoint, and its sessions live through them.
func TestRESTOutages(t *testing.T) {
	for mode, effect := range map[control.Outage]bool{control.OutageRefuse: false, control.OutageUnavailable: false, control.OutageCut: true} {
		t.Run(string(mode), func(t *testing.T) {
			e := startTagging(t)
			e.must(e.control.SetOutage(e.ctx, mode))
			e.client.CloseIdleConnections() // an outage cuts them, and a call that meets one is not sent again
			err := e.attach(e.ctx)
			if mode == control.OutageUnavailable {
				wantStatus(t, err, http.StatusServiceUnavailable)
			} else if err == nil {
				t.Error("an answer came")
			}
			_, err = tags.NewManager(e.client).ListTags(e.ctx)
			if err == nil {
				t.Error("an answer came")
			}
			want := map[string][]string{}
			if effect {
				want[e.vm.Value] = []string{"backup/daily"}
			}
			if diff := cmp.Diff(want, e.tagged()); diff != "" {
				t.Error(diff)
			}
			e.must(e.control.SetOutage(e.ctx, control.OutageOff))
			e.client.CloseIdleConnections()
			e.must(e.attach(e.ctx))
			if n := len(e.restSessions()); n != 1 {
				t.Errorf("%d sessions, want the one from before", n)
			}
		})
	}
}
