package control

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// EntryKind says what an [Entry] tells.
type EntryKind string

// Kinds of entries, and the fields that each has besides Seq and Time.
const (
	EntryCall       EntryKind = "call"       // a call arrived, and has had no effect yet: Method, MoRef, Name, Agent, User, OpID
	EntryAnswer     EntryKind = "answer"     // it was answered: Call, Method, Agent, and Fault, which is ReplyLost when no answer reached the client
	EntryVM         EntryKind = "vm"         // a virtual machine is new or has changed: VM is the whole of it now. While it is being made, its name and all of its config are empty
	EntryVMGone     EntryKind = "vmGone"     // it has left the inventory: MoRef
	EntryFolder     EntryKind = "folder"     // a folder of virtual machines is new or has changed: Folder
	EntryFolderGone EntryKind = "folderGone" // it has left the inventory: MoRef
	EntryClone      EntryKind = "clone"      // a clone task of a client was accepted: Clone
	EntryCloneEnd   EntryKind = "cloneEnd"   // it ended, or is about to end without doing anything more: Clone, with State
	EntryLogin      EntryKind = "login"      // Session, User, Agent, Fault: "" or, by kind of session, "InvalidLogin" or "Unauthenticated"
	EntryLogout     EntryKind = "logout"     // a session ended, however: Session, User, Agent. An idle session's end is noticed at the next look
	EntryViolation  EntryKind = "violation"  // Violation, without its trace
)

// ReplyLost is the Fault of an [EntryAnswer] that no client got to see.
const ReplyLost = "LostReply"

// Entry is one thing that happened in the simulator. Entries are in the order in which things happened; of what happens in
// one call, the call comes first and the answer last.
type Entry struct {
	Seq  int64     `json:"seq"` // 1 is the first
	Time time.Time `json:"time"`
	Kind EntryKind `json:"kind"`

	Method string `json:"method,omitempty"`
	MoRef  string `json:"moRef,omitempty"` // of the target of a call
	Name   string `json:"name,omitempty"`  // of the target of a call
	Agent  string `json:"agent,omitempty"` // the client's User-Agent
	User   string `json:"user,omitempty"`
	OpID   string `json:"opId,omitempty"`
	Fault  string `json:"fault,omitempty"` // of a REST call, the name of its error, such as "NotFound"; otherwise a type name
	Call   int64  `json:"call,omitempty"`  // Seq of the call that an answer belongs to
	// Session is the kind of session that a login or a logout is about.
	Session SessionKind `json:"session,omitempty"`

	VM        *VM        `json:"vm,omitempty"`
	Folder    *Folder    `json:"folder,omitempty"`
	Clone     *Clone     `json:"clone,omitempty"`
	Violation *Violation `json:"violation,omitempty"`
}

// Clone is one clone task that a client has started.
type Clone struct {
	Task   string `json:"task"`
	Source string `json:"source"` // MoRef value of the virtual machine that is cloned
	Folder string `json:"folder"` // MoRef value of the folder it goes into
	Name   string `json:"name"`
	Stamp  string `json:"stamp,omitempty"`  // of the virtual machine to be
	State  string `json:"state"`            // queued, running, success or error: of the work, not of a task that reads as cancelled
	Result string `json:"result,omitempty"` // MoRef value of the virtual machine; also after an error that left one behind
	Fault  string `json:"fault,omitempty"`
	Agent  string `json:"agent,omitempty"`
}

// Journal returns entries after the one numbered since, at most 10,000 of them. If there are none it waits for some, up to
// wait, and then returns none. The journal keeps the last 200,000 entries: to ask for one that is no longer there is an
// error.
func (c *Client) Journal(ctx context.Context, since int64, wait time.Duration) ([]Entry, error) {
	var out []Entry
	err := c.do(ctx, "journal", Request{Since: since, Wait: wait}, &out)
	return out, err
}

// Clones lists the clone tasks of clients that are queued or running now. One that reads as cancelled, but goes on, is
// running.
func (c *Client) Clones(ctx context.Context) ([]Clone, error) { return get[[]Clone](ctx, c, "clones") }

// Text is what the entry says beyond its kind, in one line for people.
func (e Entry) Text() string {
	switch {
	case e.VM != nil:
		return fmt.Sprintf("%s %s %s template=%t stamp=%s instance=%s", e.VM.MoRef, e.VM.Path, e.VM.PowerState, e.VM.Template, e.VM.Stamp, e.VM.InstanceUUID)
	case e.Folder != nil:
		return e.Folder.MoRef + " " + e.Folder.Path
	case e.Clone != nil:
		return fmt.Sprintf("%s %s into %s %s %s %s", e.Clone.Task, e.Clone.Name, e.Clone.Folder, e.Clone.State, e.Clone.Result, e.Clone.Fault)
	case e.Violation != nil:
		return e.Violation.String()
	case e.Call != 0:
		return fmt.Sprintf("of %d %s %s", e.Call, e.Method, e.Fault)
	}
	return strings.Join([]string{e.Method, e.MoRef, e.Name, string(e.Session), e.User, e.Fault, e.OpID}, " ")
}
