package vim

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

var (
	store2 = types.ManagedObjectReference{Type: "Datastore", Value: "datastore-2"}
	store3 = types.ManagedObjectReference{Type: "Datastore", Value: "datastore-3"}
	pod    = types.ManagedObjectReference{Type: "StoragePod", Value: "group-p1"}
)

// storageDRS is a script that recommends datastores, and notes which clones were sent where.
type storageDRS struct {
	*script
	recommends []types.ManagedObjectReference
	sentTo     []string
}

func (s *storageDRS) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	if err := s.script.RoundTrip(ctx, req, res); err != nil {
		return err
	}
	switch body := req.(type) {
	case *methods.RecommendDatastoresBody:
		out := &res.(*methods.RecommendDatastoresBody).Res.Returnval
		for _, store := range s.recommends {
			out.Recommendations = append(out.Recommendations, types.ClusterRecommendation{
				Action: []types.BaseClusterAction{&types.StoragePlacementAction{Destination: store}},
			})
		}
	case *methods.CloneVM_TaskBody:
		s.sentTo = append(s.sentTo, body.Req.Spec.Location.Datastore.Value)
	}
	return nil
}

// inPod is a connection whose zone names a datastore cluster.
func inPod(t *testing.T, s *storageDRS) *testConn {
	t.Helper()
	s.script = &script{reads: reads{vmRef("vm-5"): {asTemplate(nil)}}}
	c := scripted(t, s.script)
	c.client.RoundTripper = s
	c.client.ServiceContent.StorageResourceManager = &types.ManagedObjectReference{Type: "StorageResourceManager", Value: "StorageResourceManager"}
	c.places.zones[0].at.storage = storage{stores: []types.ManagedObjectReference{store1, store2, store3}, pod: pod}
	return c
}

// Thousands of clones of one zone do not cost as many recommendations.
func TestOneRecommendationIsForAllClonesOfAWhile(t *testing.T) {
	s := &storageDRS{recommends: []types.ManagedObjectReference{store2, store1}}
	c := inPod(t, s)
	clock := clocktesting.NewFakeClock(time.Now())
	c.shared.cfg.Clock = clock
	start := func(names ...string) {
		t.Helper()
		var clones []vsphere.Request
		for _, name := range names {
			clones = append(clones, cloneOfLinux(name))
		}
		if err := c.v.Start(t.Context(), testGroup, clones); err != nil {
			t.Fatal(err)
		}
	}
	start("web-1", "web-2", "web-3")
	start("web-4")
	if want := []string{"datastore-2", "datastore-1", "datastore-2", "datastore-1"}; !slices.Equal(s.sentTo, want) || s.count("RecommendDatastores") != 1 {
		t.Errorf("sent to %q, want %q, by %d recommendations", s.sentTo, want, s.count("RecommendDatastores"))
	}
	clock.Step(templateReadFor)
	s.recommends = []types.ManagedObjectReference{store3}
	start("web-5")
	if s.count("RecommendDatastores") != 2 || s.sentTo[4] != "datastore-3" {
		t.Errorf("later: sent to %q, by %d recommendations", s.sentTo, s.count("RecommendDatastores"))
	}
	if len(c.advices.all) != 1 {
		t.Errorf("%d advices are kept", len(c.advices.all))
	}
}

// A clone that names its host goes to what that host has.
func TestARecommendationThatTheHostCannotReach(t *testing.T) {
	s := &storageDRS{recommends: []types.ManagedObjectReference{store2, store1}}
	c := inPod(t, s)
	c.applyHost(hostUpdate(types.ObjectUpdateKindEnter, "host-1", fit("esx-1")...), &inventory.Changes{})
	for i, tt := range []struct {
		recommends []types.ManagedObjectReference
		want       string
	}{{[]types.ManagedObjectReference{store2, store1}, "datastore-1"}, {[]types.ManagedObjectReference{store2}, ""}, {nil, ""}} {
		c.advices.all, s.recommends, s.sentTo = nil, tt.recommends, nil
		r := cloneOfLinux("web-" + string(rune('1'+i)))
		spec := *r.Clone
		spec.Host = "host-1"
		r.Clone = &spec
		err := c.v.Start(t.Context(), testGroup, []vsphere.Request{r})
		if tt.want != "" {
			if err != nil || !slices.Equal(s.sentTo, []string{tt.want}) {
				t.Errorf("%v: sent to %q, %v", tt.recommends, s.sentTo, err)
			}
			continue
		}
		wantClass(t, "Start", err, vsphere.ClassExhausted)
		if len(s.sentTo) > 0 {
			t.Errorf("%v: sent to %q", tt.recommends, s.sentTo)
		}
	}
	if _, failures := c.v.tracker.Of(testUID); len(failures) == 0 {
		t.Error("to find no datastore does not count as a failure")
	}
}

// Of those that satisfy a policy, datastores that take nothing are left out, and the one with the most free space is the first.
func TestTheMostFreeDatastore(t *testing.T) {
	free := func(n int64, more properties) properties {
		props := properties{propFreeSpace: n, propAccessible: true}
		for path, val := range more {
			props[path] = val
		}
		return props
	}
	stores := []types.ManagedObjectReference{store1, store2, store3}
	for name, tt := range map[string]struct {
		reads []any
		want  []types.ManagedObjectReference
	}{
		"by free space":  {[]any{free(1, nil), free(3, nil), free(2, nil)}, []types.ManagedObjectReference{store2, store3, store1}},
		"as they come":   {[]any{free(1, nil), free(1, nil), free(1, nil)}, stores},
		"in maintenance": {[]any{free(1, properties{propStoreMaintenance: "normal"}), free(3, properties{propStoreMaintenance: "enteringMaintenance"}), free(2, properties{propStoreMaintenance: "inMaintenance"})}, []types.ManagedObjectReference{store1}},
		"out of reach":   {[]any{free(1, properties{propAccessible: false}), goneFault(store2), denied403}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: reads{store1: {tt.reads[0]}, store2: {tt.reads[1]}, store3: {tt.reads[2]}}}
			got, err := scripted(t, s).mostFree(t.Context(), stores)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

// A clone for which no datastore was recommended is not sent, and nobody waits for what has become of it.
func TestACloneThatLacksItsRecommendation(t *testing.T) {
	for name, answer := range map[string]error{
		"the answer was lost": &callError{method: "RecommendDatastores", sent: true, err: io.EOF},
		"that takes too long": soap.WrapVimFault(&types.Timedout{}),
	} {
		t.Run(name, func(t *testing.T) {
			s := &storageDRS{}
			c := inPod(t, s)
			s.fails = fails{"RecommendDatastores": {answer}}
			err := c.v.Start(t.Context(), testGroup, []vsphere.Request{cloneOfLinux("web-1")})
			wantClass(t, "Start", err, vsphere.ClassTransient)
			if ops, failures := c.v.tracker.Of(testUID); len(ops) != 0 || len(failures) != 1 || len(s.sentTo) != 0 {
				t.Errorf("under way: %+v; failures: %+v; sent to %v", ops, failures, s.sentTo)
			}
		})
	}
}

// The service of storage policies may be away while vCenter is there: what was found out last holds, and other zones do not notice.
func TestPoliciesThatCannotBeRead(t *testing.T) {
	zone := zoneSpec{vsphere.ZoneSpec{Name: "a", Cluster: "c1", StoragePolicy: "fast"}, "gold"}
	for name, tt := range map[string]struct {
		err   error
		class vsphere.Class
	}{
		"away":    {&callError{method: "PbmQueryProfile", ends: true, err: errors.New("connection refused")}, vsphere.ClassTransient},
		"broken":  {soap.WrapVimFault(&types.SystemError{}), vsphere.ClassTransient},
		"refused": {denied403, vsphere.ClassInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{fails: fails{"PbmQueryProfile": {tt.err}}}
			c := scripted(t, s)
			c.policies = s
			_, err := c.choosePolicy(t.Context(), newAncestry(c.connection), zone, choice{})
			wantClass(t, "choosePolicy", err, tt.class)
			if _, unreadable := errors.AsType[*policiesUnreadable](err); unreadable != (tt.class == vsphere.ClassTransient) {
				t.Errorf("%v", err)
			}
		})
	}
	c := scripted(t, &script{})
	why := &vsphere.Error{Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Message: "away"}
	if at, refused, err := c.asBefore(zone, why); refused != why || err != nil || at.stale {
		t.Errorf("never read: %+v, %v, %v", at, refused, err)
	}
	c.places.zones = []placedZone{{Place: vsphere.Place{Class: "gold", Zone: "a"}, at: placement{
		spec: zone.ZoneSpec, storage: storage{stores: []types.ManagedObjectReference{store2}, policy: "p1"},
	}}}
	if at, refused, err := c.asBefore(zone, why); refused != nil || err != nil || !at.stale || at.policy != "p1" {
		t.Errorf("read before: %+v, %v, %v", at, refused, err)
	}
	zone.StoragePolicy = "slow"
	if _, refused, _ := c.asBefore(zone, why); refused != why {
		t.Errorf("it was another policy: %v", refused)
	}
}

// hangs is a script that does not answer one method.
type hangs struct {
	*script
	method string
}

func (s *hangs) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	err := s.script.RoundTrip(ctx, req, res)
	if methodName(req) == s.method {
		<-ctx.Done()
		err = ctx.Err()
	}
	return err
}

// A service of storage policies that hangs is waited for once a round, and not for long, however many zones name a policy.
func TestAServiceOfStoragePoliciesThatHangs(t *testing.T) {
	zone := zoneSpec{vsphere.ZoneSpec{Name: "a", Cluster: "c1", StoragePolicy: "fast"}, "gold"}
	compute := choice{object: object{props: properties{
		propDatastores: types.ArrayOfManagedObjectReference{ManagedObjectReference: []types.ManagedObjectReference{store1}},
	}}}
	address, err := soap.ParseURL("https://vcenter.example.com/sdk")
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"PbmRetrieveServiceContent", "PbmQueryProfile", "PbmCheckRequirements"} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{}
				c := scripted(t, s)
				main := &caller{timeout: DefaultCallTimeout, observe: func(string, time.Duration, error) {}}
				policies := newPolicyCaller(main, soap.NewClient(address, false))
				policies.next = &hangs{s, method}
				c.policies = policies
				begin := time.Now()
				for range 2 { // rounds
					anc := newAncestry(c.connection)
					if method == "PbmCheckRequirements" {
						anc.policies = &policyList{ids: map[string]string{"fast": "p1"}}
					}
					for range 3 {
						_, err := c.choosePolicy(t.Context(), anc, zone, compute)
						wantClass(t, "choosePolicy", err, vsphere.ClassTransient)
					}
				}
				if took := time.Since(begin); took != 2*policyTimeout || s.count(method) != 2 {
					t.Errorf("two rounds of three zones took %s and %d calls", took, s.count(method))
				}
			})
		})
	}
}

// A tenant reads why a clone was put off, and not what there is in vCenter.
func TestNoStoreIsToldToTenants(t *testing.T) {
	for want, at := range map[string]placement{
		"recommends no datastore of the datastore cluster of zone a": {storage: storage{pod: pod}},
		"satisfies the storage policy of zone a":                     {storage: storage{policy: "p1"}},
	} {
		if err := errNoStore("a", at); !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "p1") {
			t.Error(err)
		}
	}
}

// mute answers nothing.
type mute struct{}

func (mute) RoundTrip(ctx context.Context, _, _ soap.HasFault) error {
	<-ctx.Done()
	return ctx.Err()
}

// A service of vCenter that hangs is no outage of vCenter, however many calls wait for it.
func TestAServiceAsideThatHangs(t *testing.T) {
	for method, outage := range map[string]bool{"RecommendDatastores": false, "GetCustomizationSpec": false, "RetrievePropertiesEx": true} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lost atomic.Bool
				c := &caller{
					next: mute{}, timeout: DefaultCallTimeout,
					observe: func(string, time.Duration, error) {}, lost: func(error) { lost.Store(true) },
				}
				request := map[string]soap.HasFault{
					"RecommendDatastores":  &methods.RecommendDatastoresBody{Req: &types.RecommendDatastores{}},
					"GetCustomizationSpec": &methods.GetCustomizationSpecBody{Req: &types.GetCustomizationSpec{}},
					"RetrievePropertiesEx": &methods.RetrievePropertiesExBody{Req: &types.RetrievePropertiesEx{}},
				}[method]
				var calls sync.WaitGroup
				for range 5 {
					calls.Go(func() {
						if err := c.RoundTrip(t.Context(), request, &methods.RetrievePropertiesExBody{}); err == nil {
							t.Error("it was answered")
						}
					})
				}
				calls.Wait()
				if lost.Load() != outage {
					t.Errorf("an outage: %t, want %t", lost.Load(), outage)
				}
			})
		})
	}
}

// Storage DRS may take longer to answer than an advice holds: clones go to its datastores by turns all the same.
func TestTurnsOfAnAdviceThatIsAskedForAgain(t *testing.T) {
	var a advices
	key, any := adviceKey{pod: pod}, func(types.ManagedObjectReference) bool { return true }
	var got []types.ManagedObjectReference
	for i := range 3 {
		at := time.Unix(0, 0).Add(time.Duration(i) * templateReadFor)
		a.put(key, &advice{at: at, stores: []types.ManagedObjectReference{store1, store2}})
		store, _, _ := a.take(key, at, any)
		got = append(got, store)
	}
	if !slices.Equal(got, []types.ManagedObjectReference{store1, store2, store1}) {
		t.Errorf("the clones went to %v", got)
	}
}
