package fake

import (
	"context"
	"maps"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// answers are what a client was asked and answers later, see vsphere.Interface. Without HoldAnswers it answers at once, but
// for a sweep that fails: that is repeated by Tick. The vCenter's lock guards them.
type answers struct {
	questions []*question

	begun, swept int // numbers of sweeps
	sweepErr     *vsphere.Error
	sweepFor     map[vsphere.GroupID]bool // the groups that wait for the next sweep
}

// question is what a group has asked, and has not taken the answer of.
type question struct {
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

// ReleaseAnswers ends HoldAnswers, and answers what was asked.
func (v *VCenter) ReleaseAnswers() {
	v.mu.Lock()
	defer v.unlock()
	v.silent = false
	for _, c := range v.clients {
		c.answerAll()
	}
	v.templatesChanged()
}

// ask returns what work returns, now or when the group asks again after ReleaseAnswers.
func (c *Client) ask(g vsphere.GroupID, what string, work func() error) error {
	i := slices.IndexFunc(c.answers.questions, func(q *question) bool { return q.group == g && q.what == what })
	switch {
	case i >= 0 && c.answers.questions[i].answered:
		err := c.answers.questions[i].err
		c.answers.questions = slices.Delete(c.answers.questions, i, i+1)
		return err
	case i >= 0:
		return vsphere.ErrPending
	case !c.vc.silent:
		return work()
	}
	c.answers.questions = append(c.answers.questions, &question{group: g, what: what, work: work})
	return vsphere.ErrPending
}

// answerAll answers all that was asked and can be answered now.
func (c *Client) answerAll() {
	if c.ready() != nil || c.vc.silent {
		return
	}
	for _, q := range c.answers.questions {
		if !q.answered {
			q.answered, q.err = true, q.work()
			c.outbox.Notify(q.group)
		}
	}
	c.sweepNext()
}

// disconnect ends all questions without an answer. Those who wait for a sweep are served by the next connection's.
func (c *Client) disconnect() { c.answers.questions = nil }

// forgetAnswers drops what a group was asked for that exists no more.
func (c *Client) forgetAnswers(g vsphere.GroupID) {
	c.answers.questions = slices.DeleteFunc(c.answers.questions, func(q *question) bool { return q.group == g })
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

// sweepNext sweeps if anybody waits for it.
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
		if t.Kind == vsphere.OperationClone {
			c.tracker.Stray(t.Ref)
		}
	}
}
