package operations

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// EachBatch starts requests, batch by batch: those of one kind that follow each other. It stops when vCenter is unavailable,
// and joins the errors.
func EachBatch(requests []vsphere.Request, start func(vsphere.KindInfo, []vsphere.Request) error) error {
	var errs []error
	for len(requests) > 0 {
		kind := requests[0].Kind
		n := slices.IndexFunc(requests, func(r vsphere.Request) bool { return r.Kind != kind })
		if n < 0 {
			n = len(requests)
		}
		batch := requests[:n]
		requests = requests[n:]
		info, ok := kind.Info()
		if !ok {
			errs = append(errs, errNoSuchKind(kind))
			continue
		}
		if err := start(info, batch); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", info.Verb, err))
			if vsphere.ClassOf(err) == vsphere.ClassUnavailable {
				break
			}
		}
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// Each starts the requests of a batch one after the other, until one fails in a way that the next one would too:
//
//  1. vCenter is unavailable, or there is no place in the budget
//  2. of those that make a VM, everything but what concerns one name, or a lost answer
//
// It returns the first error, but that vCenter is unavailable comes before it.
func Each(batch []vsphere.Request, start func(vsphere.Request) error) error {
	var first error
	for _, r := range batch {
		err := start(r)
		class := vsphere.ClassOf(err)
		if first == nil || class == vsphere.ClassUnavailable {
			first = err
		}
		concernsAll := errors.Is(err, vsphere.ErrNoBudget) || class == vsphere.ClassUnavailable ||
			err != nil && r.Kind.Makes() && !vsphere.ConcernsName(err) && class != vsphere.ClassUnknown
		if concernsAll {
			break
		}
	}
	return first
}

// errNoSuchKind is a bug of whoever asks: nothing is started, and nothing takes a place of others.
func errNoSuchKind(kind vsphere.OperationKind) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassInvalid, Reason: vsphere.ReasonUnknownKind,
		Message: fmt.Sprintf("the controller does not know how to start operations of kind %q; report this as a bug.", kind),
	}
}
