package vim_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// loseAnswer has the nth request of all connections carried out, logins not counted, and loses the answer. It returns the
// numbers of requests and of lost answers so far.
func loseAnswer(cfg *vim.Config, nth int64) (sent, lost *atomic.Int64) {
	sent, lost = &atomic.Int64{}, &atomic.Int64{}
	cfg.WrapTransport = func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			if bytes.Contains(body, []byte("<Login ")) {
				return next.RoundTrip(r)
			}
			n := sent.Add(1)
			res, err := next.RoundTrip(r)
			if err != nil || n != nth {
				return res, err
			}
			lost.Add(1)
			_, err = io.Copy(io.Discard, res.Body)
			return nil, errors.Join(syscall.ECONNRESET, err, res.Body.Close())
		})
	}
	return sent, lost
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whichever answer is lost on the way to being in step: the connection is the one that it would have been, with as many
// filters. The clock stands still, so that no second connection is made, but for the first call and the login.
func TestOneLostAnswerOfAConnectionEndsNothing(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{Templates: []string{"linux"}, TemplateFolder: "templates"})
	cfg := configFor(sim, &notifier{})
	cfg.TemplateFolder = "templates"
	v, stop := run(t, cfg)
	awaitSynced(t, v)
	cloned(t, v, "web-0d1f2-0")
	stop()

	cfg.Clock = clocktesting.NewFakeClock(time.Now())
	sent, _ := loseAnswer(&cfg, 0)
	v, stop = run(t, cfg)
	awaitSynced(t, v)
	calls := sent.Load()
	want, err := sim.Control.Leaks(t.Context())
	must(t, err)
	stop()
	const after = 3 // calls that may be made once it is in step
	for n := int64(2); n <= calls; n++ {
		_, lost := loseAnswer(&cfg, n)
		v, stop := run(t, cfg)
		awaitSynced(t, v)
		if lost.Load() == 0 && n <= calls-after {
			t.Errorf("call %d was not made", n)
		}
		got, err := sim.Control.Leaks(t.Context())
		must(t, err)
		if got.Filters != want.Filters || got.Sessions != 1 {
			t.Errorf("call %d: %+v, want as many filters as in %+v", n, got, want)
		}
		if s, err := v.Snapshot(t.Context(), web, ""); err != nil || len(s.VMs) != 1 {
			t.Errorf("call %d: snapshot %+v, %v", n, s, err)
		}
		stop()
	}
}

// In the life of a VM, a lost answer of any kind concerns its call: the connection stands, nothing is done twice, and what
// was done is found.
func TestALostAnswerConcernsItsCall(t *testing.T) {
	for _, how := range []string{control.LostReply, control.Cut, control.Unavailable} {
		for _, method := range []string{
			"CreateFolder", "CreateContainerView", "CreateFilter", "RetrievePropertiesEx", "CloneVM_Task", "ModifyListView",
			"WaitForUpdatesEx", "PowerOffVM_Task", "PowerOnVM_Task", "Destroy_Task", "UnregisterAndDestroy_Task",
		} {
			t.Run(how+" "+method, func(t *testing.T) {
				t.Parallel()
				sim, _, v, _ := started(t, nil)
				ctx, before := t.Context(), v.State()
				must(t, sim.Control.AddFault(ctx, control.Fault{Method: method, Type: how, Count: 1}))
				known := func(err error) {
					t.Helper()
					class := vsphere.ClassOf(err)
					if err != nil && class != vsphere.ClassUnknown && class != vsphere.ClassTransient && !errors.Is(err, vsphere.ErrPending) {
						t.Errorf("%s: %v", class, err)
					}
				}
				var folder vsphere.Ref
				await(t, "a VM", func() bool {
					s, err := v.Snapshot(ctx, web, "")
					must(t, err)
					if len(s.VMs) == 0 && len(s.Operations) == 0 {
						known(submit(t, v, "web-0d1f2-0"))
					}
					return ready(s) == 1 && len(s.Operations) == 0
				})
				// do asks for what is still to be done, as syncs do.
				do := func(what string, ask func(vm vsphere.VM) error, done func(vsphere.Snapshot) bool) {
					t.Helper()
					await(t, what, func() bool {
						s, err := v.Snapshot(ctx, web, "")
						must(t, err)
						if len(s.Operations) > 0 || done(s) {
							return len(s.Operations) == 0
						}
						folder = s.VMs[0].Parent
						known(ask(*s.VMs[0]))
						return false
					})
				}
				do("off", func(vm vsphere.VM) error { return v.Start(ctx, web, requestsOn(vsphere.OperationPowerOff, vm.Ref)) }, func(s vsphere.Snapshot) bool { return ready(s) == 0 })
				do("on", func(vm vsphere.VM) error { return v.Start(ctx, web, requestsOn(vsphere.OperationPowerOn, vm.Ref)) }, func(s vsphere.Snapshot) bool { return ready(s) == 1 })
				do("off", func(vm vsphere.VM) error { return v.Start(ctx, web, requestsOn(vsphere.OperationPowerOff, vm.Ref)) }, func(s vsphere.Snapshot) bool { return ready(s) == 0 })
				do("gone", func(vm vsphere.VM) error { return v.Start(ctx, web, requestsOn(vsphere.OperationDestroy, vm.Ref)) },
					func(s vsphere.Snapshot) bool { return len(s.VMs) == 0 })
				await(t, "no folder", func() bool { err := v.RemoveFolder(ctx, web, folder); known(err); return err == nil })
				if after := v.State(); after.Since != before.Since {
					t.Errorf("the connection was lost: %+v", after)
				}
				if n := made(t, sim); n != 1 {
					t.Errorf("%d VMs were made", n)
				}
				if leaks, err := sim.Control.Leaks(ctx); err != nil || leaks.Filters != 6 {
					t.Errorf("%+v, %v, want 6 filters", leaks, err)
				}
			})
		}
	}
}

// made counts the clones that the simulator has finished.
func made(t *testing.T, sim *vcsim.Process) (n int) {
	t.Helper()
	tasks, err := sim.Control.Tasks(t.Context())
	must(t, err)
	for _, task := range tasks {
		if task.DescriptionID == "VirtualMachine.cloneVm" && task.State == "success" {
			n++
		}
	}
	return n
}

// The task of a clone whose answer was lost is found by what it makes, and watched as if the answer had come. Nobody else
// has to wait for it.
func TestTheTaskOfALostCloneIsFound(t *testing.T) {
	for _, atEnd := range []bool{false, true} {
		t.Run(fmt.Sprintf("names are reserved at the end: %t", atEnd), func(t *testing.T) {
			sim := startSimulator(t, vcsim.Options{Templates: []string{"linux"}, ReserveAtEnd: atEnd})
			v, _ := run(t, configFor(sim, &notifier{}))
			awaitSynced(t, v)
			ctx := t.Context()
			must(t, sim.Control.SetCloneDelay(ctx, slowClone))
			must(t, submit(t, v, "web-0d1f2-0"))
			must(t, sim.Control.AddFault(ctx, control.Fault{Method: "CloneVM_Task", Type: control.LostReply, Count: 1}))
			if err := submit(t, v, "web-0d1f2-1"); vsphere.ClassOf(err) != vsphere.ClassUnknown {
				t.Errorf("%v", err)
			}
			s := awaitSnapshot(t, v, "the outcome", func(s vsphere.Snapshot) bool { return len(s.Operations) < 2 || !s.Operations[1].Unknown })
			if len(s.Operations) != 2 || s.Operations[0].Task == "" || s.Operations[1].Task == "" ||
				s.Operations[0].Task == s.Operations[1].Task || s.ClonesToCome != 0 {
				t.Errorf("operations %+v, %d clones to come", s.Operations, s.ClonesToCome)
			}
			awaitSnapshot(t, v, "both VMs", func(s vsphere.Snapshot) bool { return ready(s) == 2 && len(s.Operations) == 0 && s.ClonesToCome == 0 })
		})
	}
}
