package soak

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// goroutinesMore is how many more there may be than at the first rest: two for each connection to vCenter that is kept for
// later, of which there may be 16, and some for others that come and go.
const goroutinesMore = 2*16 + 8

// baseline is what a controller holds at rest.
type baseline struct{ leaks *control.Leaks }

// sample looks at the controller's books while all is at rest.
func (s *soak) sample(took time.Duration) {
	s.T.Helper()
	inv, err := s.inventory()
	harness.Must(s.T, err)
	now := sample{at: time.Now(), resident: math.Inf(1), inUse: math.Inf(1), goroutines: math.MaxInt, vms: len(inv.ours)}
	now.goal = math.Inf(1)
	for range 3 { // of which the least is the one that a garbage collection or a connection has not disturbed
		m := s.metrics()
		now.resident = min(now.resident, m["process_resident_memory_bytes"]/(1<<20))
		now.inUse = min(now.inUse, m["go_memstats_heap_inuse_bytes"]/(1<<20))
		now.goal = min(now.goal, m["go_memstats_next_gc_bytes"]/(1<<20))
		now.goroutines = min(now.goroutines, int(m["go_goroutines"]))
		s.until(time.Now().Add(500 * time.Millisecond))
	}
	l := s.lives[len(s.lives)-1]
	l.samples = append(l.samples, now)
	s.checkBooks()
	s.say("AT REST after %s: %d groups, %d VMs; life %d: %.1f MiB resident, %.1f MiB of heap in use, goal %.1f MiB, %d goroutines",
		took.Round(10*time.Millisecond), len(inv.groups), now.vms, len(s.lives), now.resident, now.inUse, now.goal, now.goroutines)
	s.wait("the controller holds in vCenter what it held at first", s.checkLeaks)
	if first := l.samples[0].goroutines; now.goroutines > first+goroutinesMore {
		s.T.Errorf("I9: there are %d goroutines; at the first rest of this process there were %d", now.goroutines, first)
	}
}

func (s *soak) metrics() map[string]float64 {
	s.T.Helper()
	var m map[string]float64
	s.wait("read the metrics", func() error {
		var err error
		m, err = s.child.Metrics(s.T.Context())
		return err
	})
	return m
}

// checkBooks checks what this process has counted and must not count.
func (s *soak) checkBooks() {
	s.T.Helper()
	m := s.metrics()
	for _, name := range []string{"vmgroup_unclassified_faults_total", "vmgroup_panics_total"} {
		if m[name] != 0 {
			s.T.Errorf("%s is %v, want 0", name, m[name])
		}
	}
}

func (s *soak) checkLeaks() error {
	leaks, err := s.vc.Leaks(s.T.Context())
	if err != nil {
		return err
	}
	if leaks.Sessions != 1 {
		return fmt.Errorf("it holds %+v, want 1 session", leaks)
	}
	if s.leaks == nil {
		s.leaks = &leaks
		s.say("the controller holds %+v", leaks)
	}
	if leaks != *s.leaks {
		return fmt.Errorf("it holds %+v, and held %+v", leaks, *s.leaks)
	}
	return nil
}

// finish deletes all groups, and checks that nothing is left anywhere.
func (s *soak) finish() {
	s.T.Helper()
	groups := s.Client.VsphereV1alpha1().VmGroups(s.Namespace)
	harness.Must(s.T, groups.DeleteCollection(s.T.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	s.rest()
	folders, err := s.vc.Folders(s.T.Context())
	harness.Must(s.T, err)
	for _, f := range folders {
		root := strings.TrimSuffix(s.FolderPath(""), "/")
		if strings.HasPrefix(f.Path, root+"/") {
			s.T.Errorf("folder %s is left", f.Path)
		}
	}
	s.child.Stop()
	if err := s.child.Err(); err != nil {
		s.T.Errorf("the controller ended with %v", err)
	}
	s.lives[len(s.lives)-1].end = time.Now()
	leaks, err := s.vc.Leaks(context.WithoutCancel(s.T.Context()))
	harness.Must(s.T, err)
	if leaks != (control.Leaks{}) {
		s.T.Errorf("I11: after the controller has stopped there are %+v", leaks)
	}
	s.checker.Close()
	s.report()
}

// report says what was done, and how the memory of the longest life went.
func (s *soak) report() {
	s.T.Helper()
	for _, name := range slices.Sorted(maps.Keys(s.tally)) {
		s.T.Logf("%5d × %s", s.tally[name], name)
	}
	l := slices.MaxFunc(s.lives, func(a, b *life) int { return int(a.end.Sub(a.start) - b.end.Sub(b.start)) })
	samples := l.samples[:max(len(l.samples)-1, 0)] // at the end there is no group any more
	s.T.Logf("%d lives, %d of which have lost their Lease; the longest took %s of %s and has %d samples",
		len(s.lives), s.lost, l.end.Sub(l.start).Round(time.Second), s.duration, len(samples))
	if s.lost == 0 && l.end.Sub(l.start) < s.duration*6/10 {
		s.T.Errorf("no life is long enough")
	}
	if len(samples) < 2 {
		return
	}
	resident := func(x sample) float64 { return x.resident }
	for _, m := range []struct {
		name  string
		value func(sample) float64
	}{
		{"resident memory", resident}, {"heap in use", func(x sample) float64 { return x.inUse }},
		{"goal of the heap", func(x sample) float64 { return x.goal }},
	} {
		mean, perHour := line(samples, m.value)
		first, last, _ := growth(samples, m.value)
		s.T.Logf("%s: %.1f MiB on average, %+.2f MiB/h (%+.1f %%/h); first third %.1f MiB, last third %.1f MiB",
			m.name, mean, perHour, 100*perHour/mean, first, last)
	}
	if first, last, grown := growth(samples, resident); grown {
		s.T.Errorf("I9: the resident memory has grown from %.1f to %.1f MiB", first, last)
	}
}
