package sim

import (
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// The default policy of vCenter's single sign-on. It is taken at its strictest: a login that succeeds forgives none of the
// failures before it.
const (
	lockoutFailures = 5
	lockoutWindow   = 180 * time.Second
	lockoutTime     = 300 * time.Second
)

// lockouts is the accounts that failed logins have been made to. Its owner guards it.
type lockouts struct {
	now      func() time.Time
	scale    float64 // divides both durations
	accounts map[string]*account
}

type account struct {
	failures []time.Time
	until    time.Time
}

func newLockouts(scale float64) *lockouts {
	return &lockouts{now: time.Now, scale: scale, accounts: make(map[string]*account)}
}

func (l *lockouts) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) / l.scale) }

// of returns an account, with what no longer counts forgotten.
func (l *lockouts) of(user string) *account {
	a := l.accounts[user]
	if a == nil {
		a = new(account)
		l.accounts[user] = a
	}
	now := l.now()
	if !a.until.IsZero() && !now.Before(a.until) {
		*a = account{}
	}
	a.failures = slices.DeleteFunc(a.failures, func(at time.Time) bool { return now.Sub(at) >= l.scaled(lockoutWindow) })
	return a
}

// locked reports whether no login of the user is accepted now.
func (l *lockouts) locked(user string) bool { return !l.of(user).until.IsZero() }

// failed counts a failed login and reports whether it has locked the account.
func (l *lockouts) failed(user string) bool {
	a := l.of(user)
	a.failures = append(a.failures, l.now())
	if !a.until.IsZero() || len(a.failures) < lockoutFailures {
		return false
	}
	a.until = l.now().Add(l.scaled(lockoutTime))
	return true
}

func (l *lockouts) state(user string) control.Lockout {
	a := l.of(user)
	return control.Lockout{Failures: len(a.failures), LockedUntil: a.until}
}
