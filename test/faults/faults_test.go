// Package faults proves that whatever call of the controller fails, hangs or loses its answer, and at whatever call its
// process dies, every scenario comes to the same end: the same VMs, as many made and as many destroyed.
//
// Each scenario is played once undisturbed, to learn the calls on both sides, and then again for each call and each thing
// that can happen to it. A plan that failed is played again by its name:
//
//	make test-faults PLAN=create/vc.CloneVM_Task.web-1.1/answer-lost
package faults

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
)

// Environment variables that say what to play.
const (
	planEnv    = "PLAN"         // one plan, or all that begin so
	shardEnv   = "SHARD"        // i/n: the i-th of n parts, from 1
	orderEnv   = "FAULTS_ORDER" // 2: pairs of crashes instead, the second one in the recovery from the first
	journalEnv = "FAULTS_DONE"  // a file that remembers the plans that have passed, to go on from there
	workersEnv = "FAULTS_WORKERS"
)

var cluster *devcluster.Cluster

func TestMain(m *testing.M) { harness.Main(m, &cluster, devcluster.Options{}, harness.ApplyCRD) }

// TestFaults plays all plans. With -short it plays those for the first and the last call of each kind that changes something,
// and the modes that matter most.
func TestFaults(t *testing.T) {
	s := newSuite(t)
	startClassCluster(t, s.wantsScenario)
	for _, scenario := range scenarios {
		if s.wantsScenario(scenario.name) {
			s.learn(scenario)
		}
	}
	if t.Failed() {
		return
	}
	plans := s.choose()
	if len(plans) == 0 {
		t.Fatal("no plan was chosen")
	}
	s.playAll(plans)
	s.report(len(plans))
}

// suite is one round of plans.
type suite struct {
	t    *testing.T
	done *doneList
	kill bool // the real binary is played with

	learned map[string]result

	mu     sync.Mutex
	missed []string
	syncs  map[string]int
}

func newSuite(t *testing.T) *suite {
	done, err := openDoneList(os.Getenv(journalEnv))
	harness.Must(t, err)
	t.Cleanup(func() { harness.Must(t, done.close()) })
	return &suite{t: t, done: done, learned: map[string]result{}, syncs: map[string]int{}}
}

func (s *suite) wantsScenario(name string) bool {
	want, _, _ := strings.Cut(os.Getenv(planEnv), "/")
	return want == "" || want == name
}

// learn plays a scenario undisturbed, twice: what differs then is not worth a plan.
func (s *suite) learn(sc scenario) {
	s.t.Run("undisturbed/"+sc.name, func(t *testing.T) {
		first, again := play(t, sc, Plan{Scenario: sc.name}, "", s.kill), play(t, sc, Plan{Scenario: sc.name}, "", s.kill)
		if first.digest != again.digest {
			t.Errorf("two undisturbed runs come to different ends:\n%s\nand\n%s", first.digest, again.digest)
		}
		first.calls = slices.DeleteFunc(first.calls, func(h heard) bool { return !slices.Contains(again.calls, h) })
		first.syncs = max(first.syncs, again.syncs)
		s.learned[sc.name] = first
		t.Logf("%d calls, %d syncs\n%s", len(first.calls), first.syncs, first.digest)
	})
}

// choose returns the plans to play, in a fixed order.
func (s *suite) choose() []Plan {
	if want := os.Getenv(planEnv); strings.Count(want, "/") > 1 {
		p, err := ParsePlan(want)
		harness.Must(s.t, err)
		return []Plan{p}
	}
	var plans []Plan
	for _, sc := range scenarios {
		res, ok := s.learned[sc.name]
		if !ok {
			continue
		}
		calls := firstProcess(res.calls)
		if testing.Short() {
			calls = firstAndLast(calls)
		}
		for _, c := range calls {
			plans = append(plans, s.plansFor(sc.name, c)...)
		}
	}
	i, n := 1, 1
	if shard := os.Getenv(shardEnv); shard != "" {
		if _, err := fmt.Sscanf(shard, "%d/%d", &i, &n); err != nil || i < 1 || i > n {
			s.t.Fatalf("%s=%s: want i/n, i from 1 to n", shardEnv, shard)
		}
	}
	var mine []Plan
	for k, p := range plans {
		if k%n == i-1 && !s.done.has(p.String()) && strings.HasPrefix(p.String(), os.Getenv(planEnv)) {
			mine = append(mine, p)
		}
	}
	return mine
}

func firstProcess(all []heard) []Call {
	var calls []Call
	for _, h := range all {
		if h.incarnation == 1 {
			calls = append(calls, h.call)
		}
	}
	return calls
}

// firstAndLast keeps of the calls of one kind, whatever VM they are for, the first and the last.
func firstAndLast(calls []Call) []Call {
	like := func(c Call) Call {
		if c.Task() {
			c.Object = ""
		}
		return Call{Side: c.Side, Verb: c.Verb, Object: c.Object}
	}
	first, last := map[Call]int{}, map[Call]int{}
	for i, c := range calls {
		last[like(c)] = i
		if _, ok := first[like(c)]; !ok {
			first[like(c)] = i
		}
	}
	var kept []Call
	for i, c := range calls {
		if i == first[like(c)] || i == last[like(c)] {
			kept = append(kept, c)
		}
	}
	return kept
}

// plansFor returns the plans of the first order for a call.
func (s *suite) plansFor(scenario string, c Call) []Plan {
	modes := c.Modes()
	switch {
	case os.Getenv(orderEnv) == "2":
		modes = []Mode{CrashBefore, CrashAfter}
		if !c.Mutating() {
			return nil
		}
	case testing.Short():
		// A crash after one call is a crash before the next, and so is an error, but for what is remembered.
		modes = []Mode{AnswerLost, CrashBefore}
		if !c.Mutating() || c.asksPermission() && scenario != scenarios[0].name {
			return nil
		}
	}
	var plans []Plan
	for _, m := range modes {
		plans = append(plans, Plan{Scenario: scenario, Faults: []Fault{{1, c, m}}})
	}
	return plans
}

func (s *suite) playAll(plans []Plan) {
	next := make(chan Plan)
	var workers sync.WaitGroup
	count := 6
	if text := os.Getenv(workersEnv); text != "" {
		_, err := fmt.Sscan(text, &count)
		harness.Must(s.t, err)
	}
	for range count {
		workers.Go(func() {
			for p := range next {
				s.playOne(p)
			}
		})
	}
	for _, p := range plans {
		next <- p
	}
	close(next)
	workers.Wait()
}

func (s *suite) playOne(p Plan) {
	var again []Plan
	s.t.Run(p.String(), func(t *testing.T) {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("play it again with: make test-faults PLAN=%s", p)
			}
		})
		i := slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.name == p.Scenario })
		if i < 0 {
			t.Fatalf("no scenario %q", p.Scenario)
		}
		res := play(t, scenarios[i], p, s.learned[p.Scenario].digest, s.kill)
		if res.hits < len(p.Faults) {
			s.mu.Lock()
			s.missed = append(s.missed, p.String())
			s.mu.Unlock()
			return
		}
		if res.syncs > res.most {
			t.Errorf("it took %d syncs, want at most %d", res.syncs, res.most)
		}
		s.mu.Lock()
		s.syncs[p.String()] = res.syncs
		s.mu.Unlock()
		if !t.Failed() {
			harness.Must(t, s.done.add(p.String()))
			again = secondFaults(p, res.calls)
		}
	})
	for _, p := range again {
		if !s.done.has(p.String()) {
			s.playOne(p)
		}
	}
}

// secondFaults returns, where pairs were asked for, the plans in which the recovery from a crash crashes too.
func secondFaults(p Plan, calls []heard) []Plan {
	if os.Getenv(orderEnv) != "2" || len(p.Faults) != 1 {
		return nil
	}
	var plans []Plan
	for _, h := range calls {
		if h.incarnation == 2 && h.call.Mutating() {
			for _, m := range []Mode{CrashBefore, CrashAfter} {
				plans = append(plans, Plan{p.Scenario, []Fault{p.Faults[0], {2, h.call, m}}})
			}
		}
	}
	return plans
}

// report says what was played. A call that did not come is no failure: how often vCenter is asked depends on timing. But
// few such calls there must be.
func (s *suite) report(played int) {
	slices.Sort(s.missed)
	s.t.Logf("%d plans were to be played, %d have passed; the call of %d never came: %s", played, len(s.syncs), len(s.missed), strings.Join(s.missed, " "))
	if len(s.missed)*10 > played {
		s.t.Errorf("too many plans were about a call that never came: they prove nothing")
	}
	type count struct {
		plan  string
		syncs int
	}
	var counts []count
	for p, n := range s.syncs {
		counts = append(counts, count{p, n})
	}
	slices.SortFunc(counts, func(a, b count) int { return cmp.Or(b.syncs-a.syncs, cmp.Compare(a.plan, b.plan)) })
	for _, c := range counts[:min(5, len(counts))] {
		s.t.Logf("%d syncs: %s", c.syncs, c.plan)
	}
}
