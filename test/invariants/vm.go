package invariants

import (
	"encoding/json"
	"path"
	"strings"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// stamp is what a VM says of whom it belongs to. It is read here once more, so that the controller's reading is checked too.
type stamp struct {
	Owner     string `json:"owner"`
	UID       string `json:"uid"`
	Namespace string `json:"namespace"`
	Class     string `json:"class"`
	Slot      int    `json:"slot"`
	Instance  string `json:"instance"`
	Guest     string `json:"guest"`
}

func parseStamp(text string) *stamp {
	var s stamp
	if json.Unmarshal([]byte(text), &s) != nil || s.Owner == "" || s.UID == "" || s.Instance == "" {
		return nil
	}
	return &s
}

// vm is a VM as vCenter holds it, and its past.
type vm struct {
	control.VM
	stamp    *stamp
	gone     bool
	wasOurs  bool      // once
	lastOurs time.Time // the last instant at which it was ours, zero if it is now or never was
	returned time.Time // when it has become ours again, zero if it never did
	arrived  time.Time // in its folder
	byClient bool      // it has appeared while a client's clone of its name ran
	served   string    // the group that it was in service for last
	left     time.Time // when that ended
	wasOff   string    // the group that it was off for last
	offUntil time.Time // when that ended
	inside   bool      // the root folder
	outSince time.Time // when it was moved out of the root folder, zero if it is in it or never was
	going    bool      // it was switched off or destroyed by a client, and not switched on since
}

func (v *vm) label() string { return v.MoRef + " (" + v.Name + ")" }

// ours reports whether a VM belongs to a group of the controller's: complete, with its own stamp, and no template.
func (s *state) ours(v *vm) bool {
	return !v.gone && v.Name != "" && !v.Template && s.marked(v)
}

func (s *state) marked(v *vm) bool {
	return v.stamp != nil && s.owners[v.stamp.Owner] && v.stamp.Instance == v.InstanceUUID
}

// lately reports whether a VM is ours, or was a moment ago.
func (s *state) lately(v *vm) bool {
	return s.ours(v) || (!v.lastOurs.IsZero() && s.now.Sub(v.lastOurs) <= s.o.OutsideChange)
}

// placeOf is the path of the folder that a VM lies in. That of its own entry is from before its folder was moved.
func (s *state) placeOf(v *vm) string {
	if f, known := s.folders[v.Folder]; known {
		return f.Path
	}
	return path.Dir(v.Path)
}

// locate notes whether a VM lies in the root folder, and since when it does not.
func (s *state) locate(v *vm) {
	was := v.inside
	v.inside = strings.HasPrefix(s.placeOf(v)+"/", s.o.Root+"/")
	switch {
	case v.inside:
		v.outSince = time.Time{}
	case was:
		v.outSince = s.now
	}
}

// latelyInside reports whether a VM lies in the root folder, or did a moment ago.
func (s *state) latelyInside(v *vm) bool {
	return v.inside || !v.outSince.IsZero() && s.now.Sub(v.outSince) <= s.o.OutsideChange
}

func (s *state) available(v *vm) bool {
	return s.ours(v) && v.PowerState == "poweredOn" && v.ConnectionState == "connected"
}

// off reports whether a VM of ours is off.
func (s *state) off(v *vm) bool {
	return s.ours(v) && v.PowerState == "poweredOff" && v.ConnectionState == "connected"
}

// serves notes, before a VM changes, that it has been in service, or off, until now.
func (s *state) serves(v *vm) {
	if s.off(v) {
		v.wasOff, v.offUntil = v.stamp.UID, s.now
	}
	if s.available(v) {
		v.served, v.left = v.stamp.UID, s.now
	}
}

// offLately counts the VMs of a group that are off, or were a moment ago.
func (s *state) offLately(uid string) int {
	n := 0
	for _, v := range s.vms {
		if s.off(v) && v.stamp.UID == uid || v.wasOff == uid && s.now.Sub(v.offUntil) <= s.o.OutsideChange {
			n++
		}
	}
	return n
}

// servedLately counts the VMs of a group that are in service, or were a moment ago. The controller learns of each VM by itself:
// so many may never have been in service at the same time.
func (s *state) servedLately(uid string) int {
	n := 0
	for _, v := range s.vms {
		if s.available(v) && v.stamp.UID == uid || v.served == uid && s.now.Sub(v.left) <= s.o.OutsideChange {
			n++
		}
	}
	return n
}

func (s *state) putVM(now control.VM) {
	v := s.vms[now.MoRef]
	if v == nil {
		v = &vm{arrived: s.now}
		s.vms[now.MoRef] = v
	}
	wasOurs := s.ours(v)
	s.serves(v)
	s.checkDisks(v, now)
	if v.Folder != now.Folder {
		v.arrived = s.now
	}
	v.VM, v.stamp = now, parseStamp(now.Stamp)
	s.locate(v)
	if c := s.inFlight(v.Folder, v.Name); c != nil {
		v.byClient = true
	}
	s.changed(v, wasOurs)
	switch {
	case s.ours(v) && v.wasOurs && !wasOurs:
		v.returned = s.now
	case s.ours(v) && !v.wasOurs:
		v.wasOurs = true
		if !v.inside {
			break // no clone of a client's lands there: somebody has copied a stamp
		}
		g := s.groups[v.stamp.UID]
		s.checkCount(g, v.stamp.UID, "VM "+v.label()+" has appeared")
		s.checkSlot(v)
		s.checkLimit(v.stamp, "VM "+v.label()+" has appeared")
	}
}

func (s *state) removeVM(ref string) {
	v := s.vms[ref]
	if v == nil {
		return
	}
	wasOurs := s.ours(v)
	s.serves(v)
	v.gone = true
	s.changed(v, wasOurs)
}

// changed notes what a change of a VM means for its group.
func (s *state) changed(v *vm, wasOurs bool) {
	switch {
	case s.ours(v):
		v.lastOurs = time.Time{}
	case wasOurs:
		v.lastOurs = s.now
	}
	if v.stamp == nil {
		return
	}
	if g := s.groups[v.stamp.UID]; g != nil {
		s.recount(g)
	}
}

// inFlight returns a client's clone that runs and will have this name in this folder.
func (s *state) inFlight(folder, name string) *clone {
	for _, c := range s.clones {
		if !c.over && c.Folder == folder && c.Name == name {
			return c
		}
	}
	return nil
}

// members returns the VMs that belong to a group now.
func (s *state) members(uid string) []*vm {
	var out []*vm
	for _, v := range s.vms {
		if s.ours(v) && v.stamp.UID == uid {
			out = append(out, v)
		}
	}
	return out
}

func (s *state) putFolder(f control.Folder) {
	before, known := s.folders[f.MoRef]
	s.folders[f.MoRef] = f
	if known {
		s.folderMoved(before.Path, f.Path)
		for _, v := range s.vms {
			s.locate(v)
		}
		return
	}
	g := s.names[groupOfFolder(f.Path)]
	call, calls := s.folderCall(path.Dir(f.Path))
	if g == nil || calls == 0 {
		return
	}
	s.checkFinalizerFirst(g, "folder "+f.Path+" was made")
	// The folder of a group that goes may be that of its successor, which is not seen yet.
	if calls == 1 && !g.deleting && !g.gone {
		s.checkForeignSync(call.OpID, g, "folder "+f.Path+" was made")
	}
}

// folderCall returns the call that makes a folder below a path, and how many it may be: of those that wait for their answer,
// none says which folder it makes, or that it has made it.
func (s *state) folderCall(parent string) (call control.Entry, calls int) {
	for _, c := range s.calls {
		if c.Method == methodCreateFolder && s.folders[c.MoRef].Path == parent {
			call, calls = c, calls+1
		}
	}
	return call, calls
}

// folderMoved takes along the folders below one that has another path: nobody tells of them.
func (s *state) folderMoved(before, now string) {
	for ref, f := range s.folders {
		if rest, below := strings.CutPrefix(f.Path, before+"/"); below && before != now {
			f.Path = now + "/" + rest
			s.folders[ref] = f
		}
	}
}
