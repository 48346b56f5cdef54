package fake

import (
	"context"
	"maps"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// answers are the pending requests of a client, see vsphere.Interface. Without HoldAnswers it answers at once, except that
// Tick repeats a sweep that has failed. The vCenter's lock guards them.
type answers struct {
	requests []*request

	begun, swept int // numbers of sweeps
	sweepErr     *vsphere.Error
	sweepFor     map[vsphere.GroupID]bool // the groups that wait for the next sweep
}

// request is one of a group that has not taken the answer.
type request struct {
	group    vsphere.GroupID
	what     string
	work     func() error // until it is answered
	answered bool
	err      error
}

// HoldAnswers keeps sweeps and searches, verifications and removals of folders from being answered.
func (v *VCenter) HoldAnswers() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.silent = true
}

// ReleaseAnswers ends HoldAnswers, and answers what is pending.
func (v *VCenter) ReleaseAnswers() {
	v.mu.Lock()
	defer v.unlock()
	v.silent = false
	for _, c := range v.clients {
		c.answerAll()
	}
	v.templatesChanged()
}

// request returns what work returns, now or when the group asks again after ReleaseAnswers.
func (c *Client) request(g vsphere.GroupID, what string, work func() error) error {
	i := slices.IndexFunc(c.answers.requests, func(q *request) bool { return q.group == g && q.what == what })
	switch {
	case i >= 0 && c.answers.requests[i].answered:
		err := c.answers.requests[i].err
		c.answers.requests = slices.Delete(c.answers.requests, i, i+1)
		return err
	case i >= 0:
		return vsphere.ErrPending
	case !c.vc.silent:
		return work()
	}
	c.answers.requests = append(c.answers.requests, &request{group: g, what: what, work: work})
	return vsphere.ErrPending
}

// answerAll answers all that is pending and can be answered now.
func (c *Client) answerAll() {
	if c.ready() != nil || c.vc.silent {
		return
	}
	for _, q := range c.answers.requests {
		if !q.answered {
			q.answered, q.err = true, q.work()
			c.outbox.Notify(q.group)
		}
	}
	c.readDisksAsked()
	c.sweepNext()
}

// disconnect ends all requests without an answer. The next connection sweeps for the groups that wait for a sweep.
func (c *Client) disconnect() {
	c.answers.requests = nil
	for _, d := range c.disks {
		d.answered = d.bytes != 0
	}
}

// forgetAnswers drops the requests of a group that exists no more.
func (c *Client) forgetAnswers(g vsphere.GroupID) {
	c.answers.requests = slices.DeleteFunc(c.answers.requests, func(q *request) bool { return q.group == g })
	delete(c.answers.sweepFor, g)
}

// Sweep implements vsphere.Interface.
func (c *Client) Sweep(_ context.Context, g vsphere.GroupID) (int, error) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.ready(); err != nil {
		return 0, err
	}
	number := c.answers.begun + 1
	c.answers.sweepFor[g] = true
	if !c.vc.silent {
		c.sweepNext()
	}
	return number, nil
}

// sweepNext sweeps if a group waits for it.
func (c *Client) sweepNext() {
	if len(c.answers.sweepFor) == 0 {
		return
	}
	for _, g := range slices.Collect(maps.Keys(c.answers.sweepFor)) {
		c.outbox.Notify(g)
	}
	c.answers.begun++
	if f, faulted := c.vc.fault(Sweep); faulted {
		c.answers.sweepErr = f.Err
		return
	}
	c.sweep()
	c.answers.swept, c.answers.sweepErr = c.answers.begun, nil
	clear(c.answers.sweepFor)
}

// sweep takes note of all VMs of ours, wherever they are, and of all clones.
func (c *Client) sweep() {
	for _, m := range c.vc.machines {
		if c.isOurs(m) && !m.Unreadable {
			c.discover(m)
		}
	}
	for _, t := range c.vc.tasks {
		if t.Kind.Makes() {
			c.tracker.CloneTaskFound(t.Ref)
		}
	}
}
