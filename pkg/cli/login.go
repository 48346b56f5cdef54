package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/login"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// oneLogin is a vim.LoginGate that allows one attempt per command, and that only if no earlier command speaks against it.
type oneLogin struct {
	*login.Gate
	user    string
	asked   bool
	allowed bool
	err     error // why it could not be written down
}

// newGate returns the gate whose record is in the user's cache directory.
func (inv *invocation) newGate() (*oneLogin, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no login to vCenter is tried, for there is no place to write down what is refused; set HOME, or XDG_CACHE_HOME to an absolute path: %w", err)
	}
	v := inv.options.VCenter
	address := net.JoinHostPort(v.Host, strconv.Itoa(v.Port))
	return &oneLogin{Gate: login.NewFileGate(filepath.Join(cache, program), address, clock.RealClock{})}, nil
}

// Begin implements vim.LoginGate.
func (g *oneLogin) Begin(ctx context.Context, user, password string) (allowed bool, retryAfter time.Duration, err error) {
	if g.asked {
		return false, time.Hour, nil
	}
	g.asked, g.user = true, user
	g.allowed, retryAfter, g.err = g.Gate.Begin(ctx, user, password)
	return g.allowed, retryAfter, g.err
}

// explain says it in words for a person if what keeps from vCenter is a login. The adapter's own are for somebody who tries
// again.
func (g *oneLogin) explain(err error) error {
	failure, ok := errors.AsType[*vsphere.Error](err)
	switch {
	case g.err != nil:
		return fmt.Errorf("no login to vCenter was tried, for it cannot be written down first; make the file writable, or set XDG_CACHE_HOME to a directory that is: %w", g.err)
	case !ok || failure.Reason != v1alpha1.ReasonCredentialsRejected:
		return err
	case g.allowed:
		return fmt.Errorf("vCenter refused the user name or the password of %q. %s", g.user, advice(g.PutOff(), time.Now()))
	default:
		return fmt.Errorf("no login to vCenter was tried: it refused the user name or the password of %q lately, or did not answer. %s", g.user, advice(g.PutOff(), time.Now()))
	}
}

// advice says how to go on after a login that was refused or put off.
func advice(p login.PutOff, now time.Time) string {
	const correct = "Correct VC_USER or VC_PASS (GOVC_USERNAME or GOVC_PASSWORD, or the files in -vcenter-credentials-dir)"
	if p.Other.After(now) {
		return fmt.Sprintf("There were several such logins: the next is tried after %s, with whatever password, lest the account is locked. %s.",
			clockTime(p.Other), correct)
	}
	return fmt.Sprintf("They are not tried again before %s, lest the account is locked. %s: others are tried at once.", clockTime(p.Same), correct)
}

// clockTime is the local time of day, in the first whole second that is not too early.
func clockTime(t time.Time) string { return t.Add(time.Second - 1).Local().Format(time.TimeOnly) }
