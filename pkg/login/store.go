package login

import (
	"context"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/util/retry"
)

// store keeps the record beyond the process, for all that share it.
type store interface {
	// begin has change make of what is on record, "" for nothing, what is to be, and writes that; for "" it writes nothing,
	// and there is no attempt. It fails if somebody else is writing down an attempt.
	begin(ctx context.Context, change func(text string) (string, error)) error
	// end does the same when the attempt that was written down has come to an end.
	end(ctx context.Context, change func(text string) (string, error)) error
	// String says where the record is.
	String() string
}

// annotation of the Lease that holds the record.
const annotation = "vsphere.vmware.com/logins"

// leaseStore keeps the record in a Lease, which all replicas of a controller share. That nobody has written meanwhile is
// proven by the Lease's version.
type leaseStore struct {
	leases coordinationclient.LeaseInterface
	name   string
}

func (s *leaseStore) String() string { return "Lease " + s.name }

func (s *leaseStore) begin(ctx context.Context, change func(string) (string, error)) error {
	lease, err := s.leases.Get(ctx, s.name, metav1.GetOptions{})
	absent := apierrors.IsNotFound(err)
	if absent {
		lease, err = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: s.name}}, nil
	}
	if err != nil {
		return fmt.Errorf("read %s, which remembers logins: %w", s, err)
	}
	text, err := change(lease.Annotations[annotation])
	if err != nil || text == "" {
		return err
	}
	metav1.SetMetaDataAnnotation(&lease.ObjectMeta, annotation, text)
	if absent {
		_, err = s.leases.Create(ctx, lease, metav1.CreateOptions{})
	} else {
		_, err = s.leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("write down a login in %s before it is tried: %w", s, err)
	}
	return nil
}

func (s *leaseStore) end(ctx context.Context, change func(string) (string, error)) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		lease, err := s.leases.Get(ctx, s.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		text, err := change(lease.Annotations[annotation])
		if err != nil {
			return err
		}
		metav1.SetMetaDataAnnotation(&lease.ObjectMeta, annotation, text)
		_, err = s.leases.Update(ctx, lease, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("write down in %s what came of a login: %w", s, err)
	}
	return nil
}
