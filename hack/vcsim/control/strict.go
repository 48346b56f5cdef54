package control

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Kinds of violations.
const (
	// ViolationTripwire is a call that a controller of ours must never make.
	ViolationTripwire = "tripwire"
	// ViolationPrivilege is a call of a method that is not among [Privileges].
	ViolationPrivilege = "privilege"
	// ViolationLockout is a login that locked an account.
	ViolationLockout = "lockout"
)

// Violation is something that a controller of ours must never do, seen on the wire.
type Violation struct {
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind"`
	Method    string    `json:"method"` // type and method, such as "Folder.Destroy_Task"
	MoRef     string    `json:"moRef,omitempty"`
	Name      string    `json:"name,omitempty"` // of the target; of a lockout, the user
	UserAgent string    `json:"userAgent"`
	Reason    string    `json:"reason"`
	// Refused says that the call had no effect. Without strict mode it is carried out.
	Refused bool `json:"refused"`
	// TargetChanged is when the virtual machine in question last changed. What somebody else changed after the client's
	// last look at it, no client can know.
	TargetChanged time.Time `json:"targetChanged,omitzero"`
	// Trace is the last entries of the journal before it.
	Trace []Entry `json:"trace,omitempty"`
}

// String is the violation and its trace, for people.
func (v Violation) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %s of %s %q by %q: %s", v.Kind, v.Method, v.MoRef, v.Name, v.UserAgent, v.Reason)
	for _, e := range v.Trace {
		fmt.Fprintf(&out, "\n    %s", e)
	}
	return out.String()
}

// String is the entry in one line, for people.
func (e Entry) String() string {
	return fmt.Sprintf("%d %s %s %s", e.Seq, e.Time.Format("15:04:05.000"), e.Kind, strings.Join(strings.Fields(e.Text()), " "))
}

// Lockout is what failed logins have done to an account. Only strict mode locks.
type Lockout struct {
	Failures    int       `json:"failures"`             // that still count
	LockedUntil time.Time `json:"lockedUntil,omitzero"` // zero if it is not locked
}

// Violations lists the violations so far, with their traces.
func (c *Client) Violations(ctx context.Context) ([]Violation, error) {
	return get[[]Violation](ctx, c, "violations")
}

// SetOwner says whose virtual machines a client may change: those whose stamp has this owner. Otherwise it is the owner
// that the session's own clones carry, and any before the session has made one. An empty owner takes it back.
func (c *Client) SetOwner(ctx context.Context, owner string) error {
	return c.do(ctx, "set-owner", Request{Name: owner}, nil)
}

// Privileges lists what the simulator lets a client do in strict mode.
func (c *Client) Privileges(ctx context.Context) ([]Privilege, error) {
	return get[[]Privilege](ctx, c, "privileges")
}

// Deny takes privileges away from every account: a method that asks for one fails with NoPermission. That is no violation.
func (c *Client) Deny(ctx context.Context, privilege ...string) error {
	return c.do(ctx, "deny", Request{Privileges: privilege}, nil)
}

// Allow gives privileges back, everywhere; all of them if none is named.
func (c *Client) Allow(ctx context.Context, privilege ...string) error {
	return c.do(ctx, "allow", Request{Privileges: privilege}, nil)
}

// DenyOn takes privileges away from every account on one object alone, named by its MoRef value or the end of its inventory path.
func (c *Client) DenyOn(ctx context.Context, object string, privilege ...string) error {
	return c.do(ctx, "deny", Request{Object: object, Privileges: privilege}, nil)
}

// AllowOn gives back privileges that [Client.DenyOn] took away on an object; all of them if none is named.
func (c *Client) AllowOn(ctx context.Context, object string, privilege ...string) error {
	return c.do(ctx, "allow", Request{Object: object, Privileges: privilege}, nil)
}

// Lockout tells how the account of the simulator's own user stands.
func (c *Client) Lockout(ctx context.Context) (Lockout, error) {
	return get[Lockout](ctx, c, "lockout")
}
