package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// calls returns the SOAP calls since it was called last.
func (s *subject) calls(ctx context.Context) (int, error) {
	calls, err := s.vcenter.Control.Calls(ctx)
	if err != nil {
		return 0, err
	}
	return calls.Total(), s.vcenter.Control.ResetCalls(ctx)
}

// usage is what a controller has used, since it started or in a span of time.
type usage struct {
	from, to        time.Time
	cpu             time.Duration
	syncs           int
	syncing         float64 // seconds
	calls           int     // to vCenter
	datacenterReads int
	mib             float64 // resident, in the end
}

// usage returns what the controller has used since it started, but for calls.
func (s *subject) usage(ctx context.Context) (usage, error) {
	var u usage
	var err error
	if u.cpu, err = s.cpu(); err != nil {
		return u, err
	}
	metrics, err := harness.ReadMetrics(ctx, s.log.String())
	if err != nil {
		return u, err
	}
	syncs, ok := metrics["vmgroup_sync_duration_seconds_count"]
	if !ok {
		return u, errors.New("the controller does not show how many syncs there were")
	}
	u.syncs, u.syncing = int(syncs), metrics["vmgroup_sync_duration_seconds_sum"]
	return u, s.rss(func(mib float64) { u.mib = mib })
}

// over waits, and returns what the controller has used meanwhile.
func (s *subject) over(ctx context.Context, span time.Duration) (usage, error) {
	before, err := s.usage(ctx)
	if err != nil {
		return usage{}, err
	}
	if err := s.vcenter.Control.ResetCalls(ctx); err != nil {
		return usage{}, err
	}
	from := time.Now()
	if err := wait(ctx, span); err != nil {
		return usage{}, err
	}
	u, err := s.usage(ctx)
	if err != nil {
		return usage{}, err
	}
	u.from, u.to = from, time.Now()
	u.cpu, u.syncs, u.syncing = u.cpu-before.cpu, u.syncs-before.syncs, u.syncing-before.syncing
	calls, err := s.vcenter.Control.Calls(ctx)
	u.calls, u.datacenterReads = calls.Total(), calls.DatacenterReads
	return u, err
}

// rss reports the resident memory of the controller.
func (s *subject) rss(report func(mib float64)) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Pid))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			report(kib / 1024)
			return err
		}
	}
	return errors.New("no VmRSS in /proc")
}

// clockTick is the unit of /proc/PID/stat on Linux.
const clockTick = 10 * time.Millisecond

// cpu returns the CPU time that the controller has used.
func (s *subject) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // the third field comes first
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/%d/stat is %q", s.process.Pid, stat)
	}
	var ticks int
	for _, i := range []int{utime, stime} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// apiCalls counts what the controllers asked of the API server in a span of time, by verb and resource, from its audit log:
// requests with the controller's user agent, events included and Leases apart. A watch is in the log when it ends.
func (b *bench) apiCalls(from, to time.Time) (map[string]int, error) {
	log, err := os.Open(b.audit)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	calls := map[string]int{}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			Verb, UserAgent          string
			RequestReceivedTimestamp metav1.MicroTime
			ObjectRef                struct{ Resource, Subresource string }
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, err
		}
		at, what := event.RequestReceivedTimestamp.Time, event.ObjectRef.Resource
		if event.ObjectRef.Subresource != "" {
			what += "/" + event.ObjectRef.Subresource
		}
		if strings.HasPrefix(event.UserAgent, "vmgroup-controller") && what != "leases" && at.After(from) && at.Before(to) {
			calls[event.Verb+" "+what]++
		}
	}
	return calls, lines.Err()
}

// apiWrites counts those of apiCalls that change something.
func (b *bench) apiWrites(from, to time.Time) (int, error) {
	calls, err := b.apiCalls(from, to)
	writes := 0
	for call, n := range calls {
		switch verb, _, _ := strings.Cut(call, " "); verb {
		case "create", "update", "patch", "delete":
			writes += n
		}
	}
	return writes, err
}

// log is the log of a process, which is read while it is written.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
