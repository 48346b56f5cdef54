package vim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/pbm"
	"github.com/vmware/govmomi/pbm/methods"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// policyTimeout is how long a call to the service of storage policies may take, if calls in general may not take less: while it is
// waited for, nobody learns anything of VMs.
const policyTimeout = 5 * time.Second

// newPolicyCaller returns the way to what knows the storage policies. It is another service of vCenter, with the same session, and
// may be away while vCenter is there: what is lost there does not end the connection. That the session has ended, the other
// calls find out.
func newPolicyCaller(main *caller, vimClient *soap.Client) *caller {
	client := vimClient.NewServiceClient(pbm.Path, pbm.Namespace)
	client.Client = vimClient.Client // its connections and its cookies
	client.Cookie = vimClient.SessionCookie
	return &caller{next: client, guard: main.guard, timeout: min(main.timeout, policyTimeout), observe: main.observe, lost: func(error) {}}
}

// policiesUnreadable means that vCenter has not told what a zone with a storage policy comes to. It says nothing of other zones.
type policiesUnreadable struct{ why *vsphere.Error }

func (e *policiesUnreadable) Error() string { return e.why.Error() }

func (e *policiesUnreadable) Unwrap() error { return e.why }

// policyError tells what is wrong with a request from what was not answered.
func (c *connection) policyError(ctx context.Context, err error) error {
	failure := c.fail("Read the storage policies", err)
	switch {
	case ctx.Err() != nil:
		return err
	case failure.Class == vsphere.ClassInvalid:
		return failure
	}
	return &policiesUnreadable{&vsphere.Error{
		Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Err: err,
		Message: fmt.Sprintf("vCenter does not tell its storage policies, and is asked again. If that lasts, look at the service that keeps them: %s",
			strings.TrimRight(failure.Message, ".")+"."),
	}}
}

// policyList is the storage policies, as one round of look-ups has read them.
type policyList struct {
	solver types.ManagedObjectReference
	ids    map[string]string // by name
}

// readPolicies reads the storage policies, once for each round of look-ups, whatever comes of it: a service that does not answer is
// not to be waited for once a zone.
func (a *ancestry) readPolicies(ctx context.Context) (*policyList, error) {
	if a.policies == nil && a.policiesErr == nil {
		a.policies, a.policiesErr = a.c.listPolicies(ctx)
	}
	return a.policies, a.policiesErr
}

// listPolicies reads the storage policies.
func (c *connection) listPolicies(ctx context.Context) (*policyList, error) {
	content, err := methods.PbmRetrieveServiceContent(ctx, c.policies, &pbmtypes.PbmRetrieveServiceContent{This: pbm.ServiceInstance})
	if err != nil {
		return nil, err
	}
	manager := content.Returnval.ProfileManager
	found, err := methods.PbmQueryProfile(ctx, c.policies, &pbmtypes.PbmQueryProfile{
		This: manager, ProfileCategory: string(pbmtypes.PbmProfileCategoryEnumREQUIREMENT),
		ResourceType: pbmtypes.PbmProfileResourceType{ResourceType: string(pbmtypes.PbmProfileResourceTypeEnumSTORAGE)},
	})
	if err != nil {
		return nil, err
	}
	list := &policyList{solver: content.Returnval.PlacementSolver, ids: map[string]string{}}
	if len(found.Returnval) > 0 {
		named, err := methods.PbmRetrieveContent(ctx, c.policies, &pbmtypes.PbmRetrieveContent{This: manager, ProfileIds: found.Returnval})
		if err != nil {
			return nil, err
		}
		for _, base := range named.Returnval {
			profile := base.GetPbmProfile()
			list.ids[profile.Name] = profile.ProfileId.UniqueId
		}
	}
	return list, nil
}

// choosePolicy finds the named storage policy, and the datastores of a cluster that satisfy it.
func (c *connection) choosePolicy(ctx context.Context, anc *ancestry, zone zoneSpec, compute choice) (storage, error) {
	list, err := anc.readPolicies(ctx)
	if err != nil {
		return storage{}, c.policyError(ctx, err)
	}
	id, ok := list.ids[zone.StoragePolicy]
	if !ok {
		return storage{}, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonStoragePolicyNotFound,
			Message: fmt.Sprintf("No storage policy is named %q (%s): %s.", zone.StoragePolicy, zone.setting("storage-policy").name, list.listed()),
		}
	}
	stores, err := c.satisfying(ctx, list.solver, id, datastoresOf(compute))
	switch {
	case err != nil:
		if lostCall(err) != nil { // the next zone does not wait for it either
			anc.policiesErr = err
		}
		return storage{}, c.policyError(ctx, err)
	case len(stores) == 0:
		return storage{}, &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonStoragePolicyUnsatisfied,
			Message: fmt.Sprintf("No datastore of %s satisfies the storage policy %q: give it one, or name another policy.",
				vsphere.Path(compute.path...), zone.StoragePolicy),
		}
	}
	return storage{stores: stores, policy: id}, nil
}

// listed lists the names of the storage policies for people.
func (l *policyList) listed() string {
	names := slices.Sorted(maps.Keys(l.ids))
	if len(names) == 0 {
		return "there is none that the controller's account can see"
	}
	if n := len(names) - maxListed; n > 0 {
		names = append(names[:maxListed], fmt.Sprintf("and %d more", n))
	}
	return "there is " + strings.Join(names, ", ")
}

// satisfying returns those of some datastores that satisfy a storage policy.
func (c *connection) satisfying(
	ctx context.Context, solver types.ManagedObjectReference, policy string, stores []types.ManagedObjectReference,
) ([]types.ManagedObjectReference, error) {
	if len(stores) == 0 { // to name none is to ask for all
		return nil, nil
	}
	var hubs []pbmtypes.PbmPlacementHub
	for _, store := range stores {
		hubs = append(hubs, pbmtypes.PbmPlacementHub{HubType: store.Type, HubId: store.Value})
	}
	res, err := methods.PbmCheckRequirements(ctx, c.policies, &pbmtypes.PbmCheckRequirements{
		This: solver, HubsToSearch: hubs,
		PlacementSubjectRequirement: []pbmtypes.BasePbmPlacementRequirement{
			&pbmtypes.PbmPlacementCapabilityProfileRequirement{ProfileId: pbmtypes.PbmProfileId{UniqueId: policy}},
		},
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(stores), func(store types.ManagedObjectReference) bool {
		return !slices.ContainsFunc(res.Returnval, func(r pbmtypes.PbmPlacementCompatibilityResult) bool {
			return r.Hub.HubId == store.Value && len(r.Error) == 0
		})
	}), nil
}
