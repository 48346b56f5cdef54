package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/fake"
	informers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions"
	"github.com/vmgroup/vmgroup-controller/pkg/metrics"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// syncer records what it is asked for and answers as the test says.
type syncer struct {
	mu        sync.Mutex
	synced    []string
	forgotten []string
	at        []time.Time
	answer    func(ctx context.Context, vg *v1alpha1.VmGroup) (time.Duration, error)
}

func (s *syncer) Sync(ctx context.Context, vg *v1alpha1.VmGroup) (time.Duration, error) {
	s.mu.Lock()
	s.synced = append(s.synced, vg.Name)
	s.at = append(s.at, time.Now())
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		return 0, nil
	}
	return answer(ctx, vg)
}

func (s *syncer) Forget(key cache.ObjectName, uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten = append(s.forgotten, key.String()+"="+string(uid))
}

// take waits until nothing moves any more and returns what was synced since the last call.
func (s *syncer) take() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	synced := s.synced
	s.synced = nil
	return synced
}

// fixture is a controller with a fake API server, in a synctest bubble: its time is the bubble's.
type fixture struct {
	*Controller
	t      *testing.T
	client *fake.Clientset
	syncer *syncer
	writes *Writes
	cancel context.CancelFunc
	done   chan struct{}
}

// Tests run in a bubble of testing/synctest: to sleep moves its clock, and waits for nothing real.
func start(t *testing.T, s *syncer, resync time.Duration, groups ...*v1alpha1.VmGroup) *fixture {
	t.Helper()
	return startWith(t, s, Config{Workers: 2}, resync, groups...)
}

func startWith(t *testing.T, s *syncer, cfg Config, resync time.Duration, groups ...*v1alpha1.VmGroup) *fixture {
	t.Helper()
	ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), quiet(t)))
	client := fake.NewClientset()
	for _, vg := range groups {
		if _, err := client.VsphereV1alpha1().VmGroups(vg.Namespace).Create(ctx, vg, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	factory := informers.NewSharedInformerFactory(client, resync)
	f := &fixture{t: t, client: client, syncer: s, writes: NewWrites(clock.RealClock{}), cancel: cancel, done: make(chan struct{})}
	cfg.Informer = factory.Vsphere().V1alpha1().VmGroups().TypedInformer()
	cfg.Writes, cfg.Metrics, cfg.Clock, cfg.Logger = f.writes, metrics.New(), clock.RealClock{}, quiet(t)
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Controller = c
	factory.StartWithContext(ctx)
	go func() { c.Run(ctx, s); close(f.done) }()
	t.Cleanup(func() { cancel(); <-f.done; factory.Shutdown() })
	return f
}

func quiet(t *testing.T) klog.Logger {
	t.Helper()
	return ktesting.NewLogger(t, ktesting.NewConfig(ktesting.Verbosity(0)))
}

func group(name string) *v1alpha1.VmGroup {
	return &v1alpha1.VmGroup{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: name, UID: types.UID("uid-" + name), Generation: 1, ResourceVersion: "10",
	}}
}

func id(uid string) vsphere.GroupID { return vsphere.GroupID{UID: uid} }

// update changes an object as the API server has it.
func (f *fixture) update(name string, change func(*v1alpha1.VmGroup)) {
	f.t.Helper()
	client := f.client.VsphereV1alpha1().VmGroups("default")
	vg, err := client.Get(f.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	change(vg)
	if _, err := client.Update(f.t.Context(), vg, metav1.UpdateOptions{}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) want(step string, want ...string) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.syncer.take()); diff != "" {
		f.t.Errorf("%s: synced (-want +got):\n%s", step, diff)
	}
}

func failing(class vsphere.Class) error {
	return fmt.Errorf("wrapped: %w", &vsphere.Error{Class: class, Message: "no"})
}

func TestRequeueByClass(t *testing.T) {
	const s, m = time.Second, time.Minute
	tests := map[string]struct {
		err  error
		want []time.Duration // between syncs, before jitter
	}{
		"Transient":      {err: failing(vsphere.ClassTransient), want: []time.Duration{1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 2 * m, 2 * m}},
		"unclassified":   {err: errors.New("odd"), want: []time.Duration{1 * s, 2 * s, 4 * s}},
		"UnknownOutcome": {err: failing(vsphere.ClassUnknown), want: []time.Duration{1 * s, 2 * s, 4 * s}},
		"Conflict":       {err: failing(vsphere.ClassConflict), want: []time.Duration{5 * s, 10 * s, 20 * s, 40 * s, 80 * s, 2 * m}},
		"API conflict":   {err: fmt.Errorf("wrapped: %w", apierrors.NewConflict(v1alpha1.Resource("vmgroups"), "a", nil)), want: []time.Duration{1 * s, 2 * s}},
		"Invalid":        {err: failing(vsphere.ClassInvalid), want: []time.Duration{5 * m, 5 * m, 5 * m}},
		"Exhausted":      {err: failing(vsphere.ClassExhausted), want: []time.Duration{1 * m, 2 * m, 4 * m, 8 * m, 10 * m}},
		"Unavailable":    {err: failing(vsphere.ClassUnavailable)},
		"success":        {},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sync := &syncer{answer: func(context.Context, *v1alpha1.VmGroup) (time.Duration, error) { return 0, tc.err }}
				f := start(t, sync, 0, group("a"))
				f.want("first", "a")
				last := sync.at[0]
				for i, want := range tc.want {
					time.Sleep(time.Until(last.Add(want - time.Millisecond)))
					f.want(fmt.Sprintf("retry %d, too early", i+1))
					time.Sleep(want*2/10 + 2*time.Millisecond)
					f.want(fmt.Sprintf("retry %d", i+1), "a")
					last = sync.at[len(sync.at)-1]
				}
				if len(tc.want) == 0 {
					time.Sleep(time.Hour)
					f.want("left alone")
				}
				f.NotifyAll()
				f.want("woken", "a")
			})
		})
	}
}

func TestFailuresStartOverWithAnotherClassAndAfterSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []error{failing(vsphere.ClassExhausted), failing(vsphere.ClassTransient), nil}
		sync := &syncer{answer: func(context.Context, *v1alpha1.VmGroup) (time.Duration, error) {
			err := answers[0]
			answers = append(answers[1:], err)
			return 0, err
		}}
		f := start(t, sync, 0, group("a"))
		time.Sleep(time.Hour)
		f.want("Exhausted, Transient, and then success", "a", "a", "a")
		if waited := sync.at[2].Sub(sync.at[1]); waited > 1200*time.Millisecond {
			t.Errorf("the first Transient failure: retried after %v, want 1 s", waited)
		}
		f.NotifyAll()
		synctest.Wait()
		time.Sleep(72 * time.Second)
		synctest.Wait()
		if waited := sync.at[4].Sub(sync.at[3]); waited > 72*time.Second {
			t.Errorf("Exhausted, after a success: retried after %v, want 1 min", waited)
		}
	})
}

func TestSyncAsksToBeCalledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		sync := &syncer{answer: func(context.Context, *v1alpha1.VmGroup) (time.Duration, error) {
			if calls++; calls == 1 {
				return 7 * time.Second, failing(vsphere.ClassUnavailable)
			}
			return 0, nil
		}}
		f := start(t, sync, 0, group("a"))
		f.want("first", "a")
		time.Sleep(7*time.Second - time.Millisecond)
		f.want("too early")
		time.Sleep(time.Millisecond)
		f.want("in time, whatever the error", "a")
	})
}

func TestPanicIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		sync := &syncer{}
		sync.answer = func(_ context.Context, vg *v1alpha1.VmGroup) (time.Duration, error) {
			if vg.Name == "bad" {
				sync.mu.Lock()
				calls++
				n := calls
				sync.mu.Unlock()
				if n < 3 {
					panic("boom")
				}
			}
			return 0, nil
		}
		f := start(t, sync, 0, group("bad"), group("good"))
		if got := strings.Join(f.syncer.take(), " "); got != "bad good" && got != "good bad" {
			t.Errorf("first: got %q", got)
		}
		f.Notify(id("uid-good"))
		f.want("the other goes on", "good")
		time.Sleep(1200*time.Millisecond + time.Millisecond)
		f.want("retried after 1 s", "bad")
		time.Sleep(2400*time.Millisecond + time.Millisecond)
		f.want("retried after 2 s", "bad")
		time.Sleep(time.Hour)
		f.want("healed")
	})
}

func TestDrain(t *testing.T) {
	for name, within := range map[string]bool{"the sync ends within the grace": true, "the sync is cut short after the grace": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cut, ended bool
				sync := &syncer{answer: func(ctx context.Context, _ *v1alpha1.VmGroup) (time.Duration, error) {
					work := time.Hour
					if within {
						work = 4 * time.Second
					}
					select {
					case <-ctx.Done():
						cut = true
					case <-time.After(work):
					}
					ended = true
					return 0, ctx.Err()
				}}
				f := startWith(t, sync, Config{Workers: 1, Grace: 5 * time.Second}, 0, group("a"), group("b"))
				synctest.Wait()
				f.cancel()
				synctest.Wait()
				select {
				case <-f.done:
					t.Fatal("Run has returned while a sync was under way")
				default:
				}
				<-f.done
				if !ended || cut == within {
					t.Errorf("got ended %v, cut %v", ended, cut)
				}
				if n := len(sync.synced); n != 1 {
					t.Errorf("%d keys were synced, want 1: nothing new after the stop", n)
				}
			})
		})
	}
}

func TestNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startWith(t, &syncer{}, Config{Workers: 1}, 0, group("a"), group("b"))
		f.syncer.take()
		f.Notify(id("uid-b"))
		f.want("by UID", "b")
		f.Notify(vsphere.GroupID{Namespace: "default", Name: "a"})
		f.want("by name", "a")
		f.Notify(vsphere.GroupID{Namespace: "default", Name: "a", UID: "uid-b"})
		f.want("the UID counts", "b")
		f.Notify(id("uid-of-nobody"))
		f.Notify(vsphere.GroupID{Namespace: "default", Name: "nobody", UID: "uid-of-nobody"})
		f.want("unknown")
		f.NotifyAll()
		if got := f.syncer.take(); len(got) != 2 {
			t.Errorf("all: got %v", got)
		}
	})
}

// The first notifications pass at once, those that go on and on pass together. An edit waits for nothing.
func TestNotificationsAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startWith(t, &syncer{}, Config{Workers: 1}, 0, group("a"), group("b"))
		f.syncer.take()
		began := time.Now()
		for range 25 { // ten in an interval
			f.Notify(id("uid-a"))
			synctest.Wait()
			time.Sleep(paceOfSmall.interval / 10) // of the bubble's clock, as all sleeps here
		}
		f.Notify(id("uid-b"))
		f.want("a burst at once, then one in each interval, and another key meanwhile", "a", "a", "a", "a", "a", "a", "a", "a", "b")
		time.Sleep(paceOfSmall.interval)
		f.want("the last is not lost", "a")
		if took := f.syncer.at[len(f.syncer.at)-1].Sub(began).Round(time.Millisecond); took != 3*paceOfSmall.interval {
			t.Errorf("the last sync came after %s, want %s", took, 3*paceOfSmall.interval)
		}
		for range paceOfSmall.burst {
			f.Notify(id("uid-b"))
			synctest.Wait()
		}
		f.syncer.take()
		f.Notify(id("uid-b"))
		f.want("too soon")
		f.update("b", func(vg *v1alpha1.VmGroup) { vg.ResourceVersion, vg.Generation = "11", 2 })
		if got := f.syncer.take(); len(got) == 0 {
			t.Error("an edit waits for the end of an interval")
		}
		time.Sleep(paceOfSmall.interval)
		f.syncer.take()
		time.Sleep(time.Hour)
		f.want("then it is quiet")
	})
}

// Notifications of a large group are further apart, also if the group has become one just now.
func TestNotificationsOfALargeGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startWith(t, &syncer{}, Config{Workers: 1}, 0, group("a"))
		for range paceOfSmall.burst {
			f.Notify(id("uid-a"))
			synctest.Wait()
		}
		f.update("a", func(vg *v1alpha1.VmGroup) {
			vg.ResourceVersion, vg.Generation, vg.Spec.Replicas = "11", 2, ptr.To[int32](largeGroup)
		})
		f.syncer.take()
		for range 25 { // ten in an interval
			f.Notify(id("uid-a"))
			synctest.Wait()
			time.Sleep(paceOfLarge.interval / 10) // of the bubble's clock
		}
		f.want("a burst at once, then one in each interval", "a", "a", "a", "a", "a")
	})
}

func TestReadYourWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, &syncer{}, 0, group("a"))
		f.want("first", "a")
		f.writes.Wrote(cache.NewObjectName("default", "a"), "11")
		f.Notify(id("uid-a"))
		f.want("the cache lacks our write")
		time.Sleep(time.Minute)
		f.want("still")
		f.update("a", func(vg *v1alpha1.VmGroup) { vg.ResourceVersion, vg.Status.Message = "11", "written" })
		f.want("the cache has it", "a")
		f.update("a", func(vg *v1alpha1.VmGroup) { vg.ResourceVersion, vg.Status.Message = "12", "again" })
		f.want("nobody waits for that one")

		f.writes.Wrote(cache.NewObjectName("default", "a"), "99")
		f.Notify(id("uid-a"))
		time.Sleep(maxLag)
		f.want("an API server that has gone back in time")
		time.Sleep(2 * staleRetry)
		f.want("is believed in the end", "a")
	})
}
