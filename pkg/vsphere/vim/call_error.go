package vim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// callError is a call that failed.
type callError struct {
	method   string
	mutating bool
	sent     bool // vCenter may have got the request
	ends     bool // the connection ends with it
	err      error
}

func (e *callError) Error() string { return e.method + ": " + e.err.Error() }

func (e *callError) Unwrap() error { return e.err }

// breaks reports whether the error speaks of the session or the path to vCenter rather than of the call.
func (e *callError) breaks() bool {
	_, ended := faultOf(e.err).(*types.NotAuthenticated)
	return ended || isCertificateError(e.err)
}

// hung reports whether there was no answer until the deadline.
func (e *callError) hung() bool { return errors.Is(e.err, context.DeadlineExceeded) }

// unanswered reports whether the answer was lost. Nothing is lost of a call that was not sent because of the guard, or that
// nobody waits for any more.
func (e *callError) unanswered() bool {
	_, guarded := errors.AsType[*guardError](e.err)
	return faultOf(e.err) == nil && !guarded && !isCertificateError(e.err) && !errors.Is(e.err, context.Canceled)
}

// worthRepeating reports whether the answer was lost, the connection stands, and time is left: one that hung has had its time.
func (e *callError) worthRepeating() bool { return e.unanswered() && !e.ends && !e.hung() }

// lostCall returns the call that an error speaks of if its answer was lost, or nil.
func lostCall(err error) *callError {
	if call, ok := errors.AsType[*callError](err); ok && call.unanswered() {
		return call
	}
	return nil
}

// saysNothing reports whether an error says nothing of what was asked: there was no answer, or only that the session has ended.
func saysNothing(err error) bool {
	call, ok := errors.AsType[*callError](err)
	return ok && (faultOf(call.err) == nil || call.breaks())
}

// guardError is a refusal of the guard: nothing was sent.
type guardError struct{ err error }

func (e *guardError) Error() string { return e.err.Error() }

func (e *guardError) Unwrap() error { return e.err }

// faulter is what govmomi's errors have in common that carry an answer of vCenter.
type faulter interface {
	error
	Fault() types.BaseMethodFault
}

// faultOf returns the fault that err carries, or nil.
func faultOf(err error) types.BaseMethodFault {
	if e, ok := errors.AsType[faulter](err); ok {
		return e.Fault()
	}
	return nil
}

// isGone reports whether err says that obj does not exist. The same fault about anything else, a pool or a datastore, says
// nothing about obj.
func isGone(err error, obj types.ManagedObjectReference) bool {
	f, ok := faultOf(err).(*types.ManagedObjectNotFound)
	return ok && f.Obj == obj
}

func isCertificateError(err error) bool {
	if errors.Is(err, errThumbprint) {
		return true
	}
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	return verification || authority || host
}

// transportText names what stopped a call, without an address: net errors may carry one, but never credentials.
func transportText(err error) string {
	if call, ok := errors.AsType[*callError](err); ok {
		err = call.err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within the deadline"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it closed the connection before it had answered"
	}
	return strings.TrimRight(err.Error(), ". ")
}
