package vim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

const (
	// proofFor is how long after a VM was asked about its destruction, or its change, may be sent: who attaches a disk to it
	// meanwhile, switches it on, or moves it away, must find it alive, and as it was.
	proofFor = 5 * time.Second
	// provenAtOnce is how many VMs are read in one call. The more there are, the older is what is known of the last.
	provenAtOnce = 8
)

// errProofTooOld means that a VM was read, and that too long ago to act on it. Nothing was asked of vCenter, so a few of them are no failed
// change.
var errProofTooOld = &vsphere.Error{
	Class: vsphere.ClassConflict, Reason: v1alpha1.ReasonRetrying,
	Message: fmt.Sprintf("vCenter takes longer than %s to show a VM that is to be changed or destroyed, and may have changed meanwhile; it is read again.", proofFor),
}

// place is a request for which there is a place in the budget.
type place struct {
	vsphere.Request
	id operations.ID
}

// begin takes places in the budget, in order, until there is none left.
func (s *shared) begin(g vsphere.GroupID, requests []vsphere.Request) (places []place, more bool, failure *vsphere.Error) {
	for _, r := range requests {
		id, err := s.tracker.Begin(g, r)
		what := fmt.Sprintf("%s VM %s", r.Kind, r.VM)
		switch {
		case err == nil:
			places = append(places, place{r, id})
		case errors.Is(err, vsphere.ErrNoBudget):
			return places, false, mostSevere(failure, s.fail(what, err))
		default:
			failure = mostSevere(failure, s.fail(what, err))
		}
	}
	return places, true, failure
}

// withdraw gives back the places of requests that are not sent. An error is a failure of each.
func (s *shared) withdraw(places []place, err *vsphere.Error) {
	for _, p := range places {
		s.tracker.Withdraw(p.id, err)
	}
}

// startProven takes places in the budget for a few VMs at a time, and has send read those live and send what may be sent. What
// finds no place is not read: what is read of it now would prove nothing when its turn comes. send returns the places that are
// left, still taken, because what it has read became too old to act on: they are read again.
func (s *shared) startProven(
	g vsphere.GroupID, batch []vsphere.Request, send func([]place) (rest []place, failure *vsphere.Error),
) error {
	var failure *vsphere.Error
	for few := range slices.Chunk(batch, provenAtOnce) {
		places, more, err := s.begin(g, few)
		failure = mostSevere(failure, err)
		for len(places) > 0 {
			rest, err := send(places)
			failure = mostSevere(failure, err)
			switch {
			case err != nil && err.Class == vsphere.ClassUnavailable:
				s.withdraw(rest, nil)
				return failure
			case len(rest) == len(places): // not one could be judged in time
				s.withdraw(rest, errProofTooOld)
				return mostSevere(failure, errProofTooOld)
			}
			places = rest
		}
		if !more {
			break
		}
	}
	if failure != nil {
		return failure
	}
	return nil
}
