package operations_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// grantFor is longer than a place is kept for a group that was woken for it.
const grantFor = 6 * time.Second

// TestBigGroupNeverStarvesSmallOnes plays a group that wants 5,000 clones against some that want a few. A group that is
// notified takes all that it gets, as a sync does. Turns must go round, each of at most 4 places: "five" waits behind "big" and
// "one", and once more behind "big".
func TestBigGroupNeverStarvesSmallOnes(t *testing.T) {
	const limit = 16
	f := newFixture(t, limit)
	wants := map[string]int{"big": 5000}
	var running []vsphere.Ref // oldest first
	var order []string        // who got each place
	sync := func(uid string) {
		for wants[uid] > 0 {
			id, err := f.Begin(group(uid), request(clone(fmt.Sprint(uid, wants[uid])), "r1"))
			if errors.Is(err, vsphere.ErrNoBudget) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			task := vsphere.Ref(fmt.Sprint("task-", id))
			f.Submitted(id, task)
			wants[uid]--
			running, order = append(running, task), append(order, uid)
		}
	}
	sync("big")
	if len(running) != limit {
		t.Fatalf("%d clones under way, want %d", len(running), limit)
	}
	for _, uid := range []string{"one", "five"} {
		wants[uid] = map[string]int{"one": 1, "five": 5}[uid]
		sync(uid)
	}
	for len(running) > 0 {
		task := running[0]
		running = running[1:]
		f.Ended(task, "", nil)
		for _, uid := range f.heard() {
			sync(uid)
		}
		if len(running) > limit {
			t.Fatalf("%d clones under way, want at most %d", len(running), limit)
		}
	}
	got, want := strings.Join(order[limit:limit+18], " "), "big big big big one five five five five big big big big five big big big big"
	if got != want {
		t.Errorf("places went to %s, want %s", got, want)
	}
	if len(order) != 5000+1+5 {
		t.Errorf("%d clones were made, want all %d", len(order), 5006)
	}
}

func TestWhoIsWokenKeepsThePlaceForAWhile(t *testing.T) {
	f := newFixture(t, 1)
	_, task := f.run("a", clone("a-0"))
	f.wantNoBudget("b", clone("b-0"))
	f.wantNoBudget("b", clone("b-1")) // asks twice, stands in line once
	f.wantNoBudget("c", clone("c-0"))
	f.wantHeard()
	f.Ended(task, "", nil)
	f.wantHeard("a", "b")
	f.wantNoBudget("a", clone("a-1")) // it is b's
	f.wantNoBudget("c", clone("c-0"))

	f.pass(grantFor) // b does not want it any more
	f.Overdue()
	f.wantHeard("c")
	f.begin("c", clone("c-0"))
	f.wantNoBudget("b", clone("b-0")) // too late, and yet the first in line
	f.wantNoBudget("d", clone("d-0"))
}

// A queue that is slower than a place is kept must not keep everybody from coming in time.
func TestSlowQueueGoesOn(t *testing.T) {
	f := newFixture(t, 1)
	_, task := f.run("a", clone("a-0"))
	f.wantNoBudget("b", clone("b-0"))
	f.wantNoBudget("c", clone("c-0"))
	f.Ended(task, "", nil) // b is woken
	for _, next := range []string{"b", "c", "b", "c"} {
		f.pass(grantFor + time.Second)
		f.Overdue() // somebody else is woken, and is as late
		_, task := f.run(next, clone(next+"-0"))
		other := map[string]string{"b": "c", "c": "b"}[next]
		f.wantNoBudget(other, clone(other+"-0"))
		f.Ended(task, "", nil)
	}
}

func TestPlacesThatNobodyWaitsForAreFree(t *testing.T) {
	f := newFixture(t, 3)
	f.begin("a", clone("a-0"))
	f.begin("a", clone("a-1"))
	f.begin("b", clone("b-0"))
	f.wantNoBudget("b", clone("b-1"))
}

func TestBudgetsAreSeparate(t *testing.T) {
	f := newFixture(t, 1)
	f.begin("a", clone("a-0"))
	f.begin("a", power("vm-1"))
	f.begin("a", destroy("vm-2"))
	f.wantNoBudget("b", clone("b-0"))
	f.wantNoBudget("b", vsphere.Operation{Kind: vsphere.OperationPowerOn, VM: "vm-3"})
	f.wantNoBudget("b", destroy("vm-4"))
}

func TestPlaceIsGivenBack(t *testing.T) {
	for name, row := range map[string]struct {
		op  vsphere.Operation
		end func(f *fixture, op vsphere.Operation)
	}{
		"clone succeeds": {clone("a-0"), func(f *fixture, op vsphere.Operation) {
			_, task := f.run("a", op)
			f.Ended(task, "vm-1", nil)
		}},
		"clone fails": {clone("a-0"), func(f *fixture, op vsphere.Operation) {
			_, task := f.run("a", op)
			f.Ended(task, "", failure(vsphere.ClassTransient))
		}},
		"clone is refused": {clone("a-0"), func(f *fixture, op vsphere.Operation) {
			f.Refused(f.begin("a", op), failure(vsphere.ClassInvalid))
		}},
		"clone is overdue": {clone("a-0"), func(f *fixture, op vsphere.Operation) {
			f.run("a", op)
			f.pass(cloneTimeout)
			f.Overdue()
		}},
		"power operation succeeds": {power("vm-1"), func(f *fixture, op vsphere.Operation) {
			_, task := f.run("a", op)
			f.Ended(task, "", nil)
		}},
		"the answer to a power operation is lost": {power("vm-1"), func(f *fixture, op vsphere.Operation) {
			f.Refused(f.begin("a", op), failure(vsphere.ClassUnknown))
		}},
		"the task of a destruction is lost": {destroy("vm-1"), func(f *fixture, op vsphere.Operation) {
			_, task := f.run("a", op)
			f.Lost(task)
		}},
		"destruction is overdue": {destroy("vm-1"), func(f *fixture, op vsphere.Operation) {
			f.run("a", op)
			f.pass(cloneTimeout)
			f.Overdue()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			row.end(f, row.op)
			other := row.op
			if other.Name = "b-0"; other.VM != "" {
				other.Name, other.VM = "", "vm-9"
			}
			f.begin("b", other)
			f.wantNoBudget("c", other) // one place, not two
		})
	}
}

func TestForgottenGroupLeavesTheLine(t *testing.T) {
	f := newFixture(t, 1)
	_, task := f.run("a", clone("a-0"))
	f.wantNoBudget("b", clone("b-0"))
	f.wantNoBudget("c", clone("c-0"))
	f.Forget("b")
	f.Ended(task, "", nil)
	f.wantHeard("a", "c")
	f.wantNoBudget("d", clone("d-0"))
	f.Forget("c") // with a place kept for it
	f.wantHeard("d")
	f.begin("d", clone("d-0"))
}

// TestNoPlaceIsEverLost does anything in any order: never more under way than allowed, nobody waits while a place is
// not kept for somebody else, and in the end all places are there.
func TestNoPlaceIsEverLost(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		limit := rapid.IntRange(1, 4).Draw(r, "limit")
		f := newFixture(t, limit)
		var tasks []vsphere.Ref
		waiting := map[string]bool{}
		end := func(err *vsphere.Error) {
			i := rapid.IntRange(0, len(tasks)-1).Draw(r, "task")
			f.Ended(tasks[i], "", err)
			tasks = slices.Delete(tasks, i, i+1)
		}
		r.Repeat(map[string]func(*rapid.T){
			"begin": func(r *rapid.T) {
				uid := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "group")
				id, err := f.Begin(group(uid), request(clone(fmt.Sprint(len(tasks), rapid.Int().Draw(r, "name"))), "r1"))
				if errors.Is(err, vsphere.ErrNoBudget) {
					waiting[uid] = true
				}
				if err != nil {
					return
				}
				delete(waiting, uid)
				switch rapid.IntRange(0, 2).Draw(r, "answer") {
				case 0:
					f.Refused(id, failure(vsphere.ClassTransient))
				default:
					tasks = append(tasks, vsphere.Ref(fmt.Sprint("task-", id)))
					f.Submitted(id, tasks[len(tasks)-1])
				}
			},
			"admit": func(r *rapid.T) {
				uid := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "group")
				wants := slices.Repeat([]vsphere.Request{request(clone("x"), "r1")}, rapid.IntRange(1, 5).Draw(r, "wants"))
				if len(f.Admit(group(uid), wants)) == 0 {
					waiting[uid] = true
				} else {
					delete(waiting, uid)
				}
			},
			"succeed": func(r *rapid.T) {
				if len(tasks) == 0 {
					r.Skip("nothing is under way")
				}
				end(nil)
			},
			"fail": func(r *rapid.T) {
				if len(tasks) == 0 {
					r.Skip("nothing is under way")
				}
				end(failure(vsphere.ClassConflict))
			},
			"forget": func(r *rapid.T) {
				uid := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "group")
				f.Forget(uid)
				delete(waiting, uid)
			},
			"pass": func(r *rapid.T) { f.pass(grantFor); f.Overdue() },
			"": func(r *rapid.T) {
				for _, uid := range f.heard() {
					delete(waiting, uid)
				}
				if len(tasks) > limit {
					r.Fatalf("%d under way, want at most %d", len(tasks), limit)
				}
				if len(tasks) == 0 && len(waiting) == 3 {
					r.Fatal("all wait, nothing is under way, and nobody is woken")
				}
			},
		})
		for _, task := range tasks {
			f.Ended(task, "", nil)
		}
		for range 4 { // each time, those at the head of the line let their turn pass
			f.pass(grantFor)
			f.Overdue()
		}
		for i := range limit {
			f.begin("z", clone(fmt.Sprint("z-", i)))
		}
	})
}

// TestPlacesComeTogether lets a group that wants three places be woken once for all that are free by the time it comes.
func TestPlacesComeTogether(t *testing.T) {
	f := newFixture(t, 4)
	var tasks []vsphere.Ref
	for i := range 4 {
		_, task := f.run("a", clone(fmt.Sprint("a-", i)))
		tasks = append(tasks, task)
	}
	wants := func(uid string, n int) (requests []vsphere.Request) {
		for i := range n {
			requests = append(requests, request(clone(fmt.Sprint(uid, "-", i)), "r1"))
		}
		return requests
	}
	for _, uid := range []string{"b", "c"} {
		if got := f.Admit(group(uid), wants(uid, 3)); len(got) != 0 {
			t.Errorf("%s is admitted with %d requests, and there is no place", uid, len(got))
		}
	}
	f.wantHeard()
	for _, task := range tasks {
		f.Ended(task, "", nil)
	}
	f.wantHeard("a", "b", "a", "a", "a", "c")
	for _, uid := range []string{"b", "c"} {
		if got := f.Admit(group(uid), wants(uid, 3)); len(got) != 3 {
			t.Errorf("%s is admitted with %d requests of 3: there is a place for one at least", uid, len(got))
		}
	}
	f.wantNoBudget("d", clone("d-0"))
	for i := range 3 {
		f.begin("b", clone(fmt.Sprint("b-", i)))
	}
	f.begin("c", clone("c-0"))
	f.wantNoBudget("c", clone("c-1"))
}

// TestAdmittedWithFewer gives back what is kept for a group that wants less by the time it comes.
func TestAdmittedWithFewer(t *testing.T) {
	f := newFixture(t, 2)
	_, one := f.run("a", clone("a-0"))
	_, two := f.run("a", clone("a-1"))
	three := []vsphere.Request{request(clone("b-0"), "r1"), request(clone("b-1"), "r1"), request(clone("b-2"), "r1")}
	f.Admit(group("b"), three)
	f.Admit(group("c"), three[:1])
	f.Ended(one, "", nil)
	f.Ended(two, "", nil)
	f.wantHeard("a", "b", "a")
	if got := f.Admit(group("b"), three[:1]); len(got) != 1 {
		t.Errorf("%d requests of one are admitted", len(got))
	}
	f.wantHeard("c")
}

// TestAdmitKeepsBudgetsApart admits the requests of each budget for themselves.
func TestAdmitKeepsBudgetsApart(t *testing.T) {
	f := newFixture(t, 1)
	f.begin("a", power("vm-1"))
	requests := []vsphere.Request{request(power("vm-2"), ""), request(destroy("vm-3"), ""), {Kind: "Unheard"}}
	got := f.Admit(group("b"), requests)
	if len(got) != 2 || got[0].Kind != vsphere.OperationDestroy || got[1].Kind != "Unheard" {
		t.Errorf("%v are admitted, want the destruction, and what fails when it is begun", got)
	}
}

// TestATurnIsBounded gives a group that wants more than its turn is worth no more than that, whether places come free together or
// one by one.
func TestATurnIsBounded(t *testing.T) {
	const limit = 6
	for name, free := range map[string]func(*fixture, []vsphere.Ref){
		"together": func(f *fixture, _ []vsphere.Ref) { f.Reset() },
		"one by one": func(f *fixture, tasks []vsphere.Ref) {
			for _, task := range tasks {
				f.Ended(task, "", nil)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, limit)
			var tasks []vsphere.Ref
			for i := range limit {
				_, task := f.run("a", clone(fmt.Sprint("a-", i)))
				tasks = append(tasks, task)
			}
			for _, uid := range []string{"b", "c", "d"} {
				f.Admit(group(uid), slices.Repeat([]vsphere.Request{request(clone(uid), "r1")}, limit))
			}
			free(f, tasks)
			woken := slices.DeleteFunc(f.heard(), func(uid string) bool { return uid == "a" })
			if !slices.Equal(woken, []string{"b", "c"}) {
				t.Errorf("%v are woken, want b for 4 places and c for 2", woken)
			}
		})
	}
}
