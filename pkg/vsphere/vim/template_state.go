package vim

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

const (
	// searchedFor is how long the answer of a search of the whole datacenter is kept. It may be out of date: what is cloned is
	// read live.
	searchedFor = 30 * time.Second
	// searchRetry is how long the failure of a search is its answer: so long that all waiting groups learn of it, and that they
	// do not cause the next one at once.
	searchRetry = time.Second
)

// templateReadFor is how long clones may be sent by one read of their template. It is read again when to send them takes
// longer.
const templateReadFor = 2 * time.Second

// lookup is that of a group whose template was not found.
type lookup struct {
	told  string // the template that the group knows to be missing, empty if none
	waits bool   // the group was not notified since
}

// templateSearch is the answer of searches of the whole datacenter. One search at a time serves all groups, and no worker
// waits for it. The life cycle of an answer:
//
//  1. pending: a group looks for a template, and there is no answer, or it is too old. Until the search ends the last answer
//     holds as far as it can, see FindTemplate. Without one, the answer is ErrPending.
//  2. answered: found, for searchedFor, or failed, for searchRetry. The groups whose template was not found are notified.
//  3. invalidated: a clone has shown that the template has changed. A search that was under way by then does not count.
//
// The answer outlives a connection, a failure does not.
type templateSearch struct {
	mu          sync.Mutex
	at          time.Time // of the answer
	found       map[vsphere.Ref]inventory.Properties
	err         *vsphere.Error
	searching   *requests // of the connection that searches, or nil
	invalidated bool      // since the search has begun
}

// invalidate drops the answer.
func (s *templateSearch) invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found, s.err, s.invalidated = nil, nil, true
}

// due reports whether the answer is missing or too old. s.mu is held.
func (s *templateSearch) due(now time.Time) bool {
	age := now.Sub(s.at)
	return s.found == nil && s.err == nil || s.err != nil && age >= searchRetry || s.err == nil && age >= searchedFor
}

// begin reports whether a connection is to search now. It searches if so.
func (s *templateSearch) begin(by *requests, now time.Time) bool {
	if s.searching == by || !s.due(now) {
		return false
	}
	s.searching, s.invalidated = by, false
	return true
}

// end notes how a search has ended, unless another connection searches by now. Where vCenter does not answer, the connection
// ends, and all groups are notified.
func (s *templateSearch) end(by *requests, now time.Time, found map[vsphere.Ref]inventory.Properties, err *vsphere.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.searching != by {
		return
	}
	s.searching = nil
	switch {
	case s.invalidated: // it may have passed by what was changed
	case err == nil:
		s.found, s.err, s.at = found, nil, now
	case err.Class != vsphere.ClassUnavailable:
		s.err, s.at = err, now
	}
}

// templateRead is what a template was when it was read. Its devices are those that clones of the origin are born with.
type templateRead struct {
	template vsphere.Template
	origin   origin
	disks    []int32            // keys of its disks
	first    *types.VirtualDisk // of these, nil if there is none
	cards    []types.BaseVirtualEthernetCard
	cores    int32                         // per socket, 0 if nobody can tell
	base     []string                      // the files that disks of linked clones get below them, in the order of disks
	snapshot *types.ManagedObjectReference // that linked clones are made from
	at       time.Time                     // zero: not yet
}

// templateReads are the reads of groups that had to wait for a turn in the middle of their clones. A large group gets its
// turns a few at a time, many of them in a second, and each would cost a read.
type templateReads struct {
	mu      sync.Mutex
	byGroup map[string]templateRead // by UID
}

// keep remembers a read for the rest of a group's clones.
func (r *templateReads) keep(g vsphere.GroupID, read templateRead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byGroup == nil {
		r.byGroup = map[string]templateRead{}
	}
	r.byGroup[g.UID] = read
}

// take returns what was kept for the rest of a group's clones, if that is of the same template.
func (r *templateReads) take(g vsphere.GroupID, t vsphere.Template) templateRead {
	r.mu.Lock()
	defer r.mu.Unlock()
	read := r.byGroup[g.UID]
	delete(r.byGroup, g.UID)
	if read.template != t {
		return templateRead{template: t}
	}
	return read
}

// invalidate drops all: a template is not what it was.
func (r *templateReads) invalidate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byGroup = nil
}
