package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// fault is something that fails for a while.
type fault struct {
	name    string
	weight  int
	longest time.Duration // default: longestFault
	// begin begins it, and returns what it does and how to end it, which may be nil.
	begin func(s *soak) (what string, end func() error, err error)
}

// underWay is a fault that has begun.
type underWay struct {
	name string
	over time.Time
	end  func() error
}

// faults are all that can fail. Of those of one name, one at most is under way.
var faults = []fault{
	{"outage", 6, 0, (*soak).outage},
	{"restart of vCenter", 2, 0, (*soak).restartVCenter},
	{"end of all sessions", 2, 0, func(s *soak) (string, func() error, error) { return "all", nil, s.vc.EndSessions(s.T.Context()) }},
	{"rule", 9, 0, (*soak).rule},
	{"privilege", 1, 4 * time.Second, (*soak).deny},
	{"updates frozen", 2, 0, func(s *soak) (string, func() error, error) {
		ctx := s.T.Context()
		return "all", func() error { return s.vc.FreezeUpdates(ctx, false) }, s.vc.FreezeUpdates(ctx, true)
	}},
	{"updates swallowed", 2, 0, (*soak).swallow},
	{"VMs hidden", 1, 0, func(s *soak) (string, func() error, error) {
		ctx, part := s.T.Context(), 0.1+0.6*s.random.Float64()
		vms, err := s.vc.HideVMs(ctx, control.Hidden{Fraction: part})
		return fmt.Sprintf("%d, which is %.0f %%", len(vms), 100*part), func() error { return s.vc.UnhideVMs(ctx) }, err
	}},
	{"password rotated", 1, 3 * time.Second, (*soak).rotate},
	{"API server away", 2, 6 * time.Second, (*soak).apiAway},
}

// beginFault begins a fault that is drawn, unless one of its name is under way.
func (s *soak) beginFault() {
	s.T.Helper()
	total := 0
	for _, f := range faults {
		total += f.weight
	}
	n := s.random.IntN(total)
	i := slices.IndexFunc(faults, func(f fault) bool { n -= f.weight; return n < 0 })
	f := faults[i]
	longest := longestFault
	if f.longest > 0 {
		longest = f.longest
	}
	d := longest/10 + time.Duration(s.random.Int64N(int64(longest*9/10)))
	if slices.ContainsFunc(s.faults, func(u *underWay) bool { return u.name == f.name }) {
		return
	}
	what, end, err := f.begin(s)
	if err != nil {
		s.T.Fatalf("%s: %s: %v", f.name, what, err)
	}
	s.tally[f.name]++
	if end == nil {
		s.say("FAULT %s: %s", f.name, what)
		return
	}
	s.say("FAULT %s: %s, for %s", f.name, what, d.Round(time.Millisecond))
	s.faults = append(s.faults, &underWay{f.name, time.Now().Add(d), end})
}

// ends is when the faults that are under way are over.
func (s *soak) ends() []time.Time {
	var out []time.Time
	for _, u := range s.faults {
		out = append(out, u.over)
	}
	return out
}

// endFaults ends those faults that are over by an instant.
func (s *soak) endFaults(by time.Time) {
	s.T.Helper()
	s.faults = slices.DeleteFunc(s.faults, func(u *underWay) bool {
		if u.over.After(by) {
			return false
		}
		if err := u.end(); err != nil {
			s.T.Fatalf("end of %s: %v", u.name, err)
		}
		s.say("end of %s", u.name)
		return true
	})
}

func (s *soak) outage() (string, func() error, error) {
	ctx := s.T.Context()
	end := func() error { return s.vc.SetOutage(ctx, control.OutageOff) }
	modes := []control.Outage{
		control.OutageRefuse, control.OutageUnavailable, control.OutageHang, control.OutageSlow, control.OutageCut,
	}
	mode := modes[s.random.IntN(len(modes))]
	if mode == control.OutageSlow {
		d := 100*time.Millisecond + time.Duration(s.random.Int64N(int64(2*time.Second)))
		return "answers late by " + d.String(), end, s.vc.SetSlow(ctx, d)
	}
	return string(mode), end, s.vc.SetOutage(ctx, mode)
}

func (s *soak) restartVCenter() (string, func() error, error) {
	down, tasks := 500*time.Millisecond+time.Duration(s.random.Int64N(int64(6*time.Second))), control.TasksFail
	if s.random.IntN(2) == 0 {
		tasks = control.TasksFinish
	}
	up := make(chan error, 1)
	go func(ctx context.Context) { up <- s.vc.Restart(ctx, down, tasks) }(s.T.Context())
	return fmt.Sprintf("down for %s, tasks %s", down, tasks), func() error { return <-up }, nil
}

// rule makes a few calls of one method fail.
func (s *soak) rule() (string, func() error, error) {
	methods := []string{
		"CloneVM_Task", "CloneVM_Task", "PowerOnVM_Task", "PowerOffVM_Task", "Destroy_Task", "CreateFolder", "UnregisterAndDestroy_Task",
		"RetrievePropertiesEx", "WaitForUpdatesEx", "ModifyListView", "CreateContainerView", "Login",
	}
	onWire := []string{control.LostReply, control.LostReply, control.Cut, control.Hang, control.Unavailable}
	f := control.Fault{Method: methods[s.random.IntN(len(methods))], Count: 1 + s.random.IntN(3)}
	task, kind := strings.HasSuffix(f.Method, "_Task"), s.random.IntN(3)
	switch {
	case f.Method == "Login" || !task || kind == 0:
		f.Type = onWire[s.random.IntN(len(onWire))]
	default:
		types := []string{"TaskInProgress", "ResourceInUse", "ConcurrentAccess", "SystemError", "HostCommunication", "FileFault"}
		if f.Method == "CloneVM_Task" {
			types = append(types, "NoDiskSpace", "InsufficientMemoryResourcesFault", "NoCompatibleHost")
		}
		f.Type = types[s.random.IntN(len(types))]
		f.TaskLevel = kind == 1
	}
	ctx := s.T.Context()
	end := func() error { return s.vc.ClearFaults(ctx) }
	return fmt.Sprintf("%d times %s at %s, by the task: %t", f.Count, f.Type, f.Method, f.TaskLevel), end, s.vc.AddFault(ctx, f)
}

// deny takes a privilege away. What the controller has to wait for then it tries again every five minutes, if nothing
// changes: so only such are denied whose lack people can make up for, see mend.
func (s *soak) deny() (string, func() error, error) {
	privileges := []string{"VirtualMachine.Provisioning.DeployTemplate", "Datastore.AllocateSpace", "Folder.Create", "VirtualMachine.Interact.PowerOn"}
	p, ctx := privileges[s.random.IntN(len(privileges))], s.T.Context()
	return p, func() error { return s.vc.Allow(ctx, p) }, s.vc.Deny(ctx, p)
}

// swallow loses a few updates. Only a look at everything brings to light what they would have told: with the next resync, or
// in the next session, which comes sooner here.
func (s *soak) swallow() (string, func() error, error) {
	ctx, n := s.T.Context(), 1+s.random.IntN(8)
	end := func() error { return errors.Join(s.vc.SwallowUpdates(ctx, 0), s.vc.EndSessions(ctx)) }
	return fmt.Sprint(n), end, s.vc.SwallowUpdates(ctx, n)
}

// rotate changes the password in vCenter, and somewhat later in the controller's files.
func (s *soak) rotate() (string, func() error, error) {
	password := fmt.Sprintf("password-%d", s.number())
	end := func() error { s.writePassword(password); return nil }
	return password, end, s.vc.SetPassword(s.T.Context(), s.VCenter.Username, password)
}

func (s *soak) apiAway() (string, func() error, error) {
	s.away.Store(true)
	s.child.CutKubernetes()
	return "from the controller", func() error {
		if !s.away.Swap(false) {
			return errors.New("it was not away")
		}
		return nil
	}, nil
}
