package vspheresync

import (
	"context"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

// maxHistory bounds how many versions of a VmGroup are looked at before something is destroyed.
const maxHistory = 100

// learnWish finds out whether the deletion of a group asks for its VMs to stay, now or at any time since it began. The API
// server notes that wish as a finalizer only, and the garbage collector removes that within milliseconds: mostly before this
// process has seen it, and always while none runs. So it is looked for in the history that the API server keeps (5 minutes
// with its defaults), whether or not anything is to be done now: later it may be gone. Then nothing is left that tells the
// two deletions apart.
func (s *Syncer) learnWish(ctx context.Context, deleted *v1alpha1.VmGroup, m *memory) error {
	vg := deleted
	for range maxHistory {
		if m.orphan = m.orphan || plan.AsksToOrphan(vg); m.orphan {
			return nil
		}
		before, err := s.before(ctx, vg, m.history)
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			klog.FromContext(ctx).V(2).Info("Cannot tell whether the deletion has asked for the VMs to stay: the API server keeps no older versions",
				"resourceVersion", vg.ResourceVersion)
			break
		}
		if err != nil {
			return fmt.Errorf("read whether the deletion has asked for the VMs to stay: %w", err)
		}
		if before == nil || before.DeletionTimestamp == nil {
			break
		}
		vg = before
	}
	m.history = deleted.ResourceVersion
	return nil
}

// before returns the version of a VmGroup before this one, nil if there is none after the version since, which may be empty.
func (s *Syncer) before(ctx context.Context, vg *v1alpha1.VmGroup, since string) (*v1alpha1.VmGroup, error) {
	version, err := strconv.ParseUint(vg.ResourceVersion, 10, 64)
	if err != nil || version <= 1 || vg.ResourceVersion == since {
		return nil, nil // versions that are no numbers have no order
	}
	list, err := s.cfg.Client.VmGroups(vg.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector:        fields.OneTermEqualSelector(metav1.ObjectNameField, vg.Name).String(),
		ResourceVersion:      strconv.FormatUint(version-1, 10),
		ResourceVersionMatch: metav1.ResourceVersionMatchExact,
	})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		before := &list.Items[i]
		if before.UID != vg.UID {
			continue
		}
		if older, err := resourceversion.CompareResourceVersion(before.ResourceVersion, vg.ResourceVersion); err == nil && older < 0 {
			return before, nil
		}
	}
	return nil, nil
}
