package sim

import (
	"slices"

	"github.com/vmware/govmomi/pbm"
	"github.com/vmware/govmomi/pbm/methods"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// policyService is the endpoint of storage policies (SPBM), beside that of the inventory. It knows the sessions of that one, by
// the cookie in the SOAP header. The stock simulator has one, too: its policies are global, it finds that every datastore
// satisfies each, and nobody can deny it to anybody.
type policyService struct {
	sim     *Simulator
	self    types.ManagedObjectReference
	content pbmtypes.PbmServiceInstanceContent
	methods map[string]func(*policyService, *simulator.Method) soap.HasFault // by type and method
}

// newPolicyService returns the registry that serves the endpoint.
func newPolicyService(s *Simulator) *simulator.Registry {
	manager := func(kind, value string) types.ManagedObjectReference {
		return types.ManagedObjectReference{Type: kind, Value: value}
	}
	p := &policyService{
		sim: s, self: manager("PolicyGateway", "PolicyGateway"),
		content: pbmtypes.PbmServiceInstanceContent{
			AboutInfo:                 pbmtypes.PbmAboutInfo{Name: "PBM", Version: "2.0", InstanceUuid: newUUID()},
			SessionManager:            manager("PbmSessionManager", "SessionManager"),
			CapabilityMetadataManager: manager("PbmCapabilityMetadataManager", "CapabilityMetadataManager"),
			ProfileManager:            manager("PbmProfileProfileManager", "ProfileManager"),
			ComplianceManager:         manager("PbmComplianceManager", "complianceManager"),
			PlacementSolver:           manager("PbmPlacementSolver", "placementSolver"),
		},
		methods: map[string]func(*policyService, *simulator.Method) soap.HasFault{
			"PbmServiceInstance.PbmRetrieveServiceContent": (*policyService).retrieveServiceContent,
			"PbmProfileProfileManager.PbmQueryProfile":     (*policyService).queryProfile,
			"PbmProfileProfileManager.PbmRetrieveContent":  (*policyService).retrieveContent,
			"PbmPlacementSolver.PbmCheckRequirements":      (*policyService).checkRequirements,
		},
	}
	r := simulator.NewRegistry()
	r.Namespace, r.Path, r.Cookie, r.Handler = pbm.Namespace, pbm.Path, simulator.SOAPCookie, p.intercept
	return r
}

// Reference implements mo.Reference.
func (p *policyService) Reference() types.ManagedObjectReference { return p.self }

// Lock and Unlock do nothing, and thereby keep calls from waiting for each other.
func (*policyService) Lock() {}

// Unlock goes with Lock.
func (*policyService) Unlock() {}

// intercept is the Registry.Handler. Without a session, the stock simulator refuses all but PbmRetrieveServiceContent.
func (p *policyService) intercept(ctx *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if ctx.Session != nil {
		call := *m
		*m = simulator.Method{Name: "Dispatch", This: p.self, Header: call.Header, Body: &call}
	}
	return p, nil
}

// PbmRetrieveServiceContent answers clients that have no session.
func (p *policyService) PbmRetrieveServiceContent(*pbmtypes.PbmRetrieveServiceContent) soap.HasFault {
	return p.retrieveServiceContent(nil)
}

// Dispatch receives the calls of logged-in clients.
func (p *policyService) Dispatch(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	inventory := ctx.For(vim25.Path)
	p.sim.sessions.seen(ctx.Session)
	rq := p.sim.gateway.arrive(inventory, m)
	return rq.answered(p.carryOut(inventory, m, rq))
}

func (p *policyService) carryOut(ctx *simulator.Context, m *simulator.Method, rq *request) soap.HasFault {
	if fault := p.sim.forbid(ctx, m); fault != nil {
		return faultBody(fault)
	}
	return p.sim.suffer(ctx, m, rq, func() soap.HasFault {
		serve, ok := p.methods[m.This.Type+"."+m.Name]
		if !ok {
			return faultBody(&types.MethodNotFound{Receiver: m.This, Method: m.Name})
		}
		return serve(p, m)
	})
}

func (p *policyService) retrieveServiceContent(*simulator.Method) soap.HasFault {
	return &methods.PbmRetrieveServiceContentBody{Res: &pbmtypes.PbmRetrieveServiceContentResponse{Returnval: p.content}}
}

func (p *policyService) queryProfile(m *simulator.Method) soap.HasFault {
	req := m.Body.(*pbmtypes.PbmQueryProfile)
	res := new(pbmtypes.PbmQueryProfileResponse)
	category := pbmtypes.PbmProfileCategoryEnum(req.ProfileCategory)
	if req.ResourceType.ResourceType == string(pbmtypes.PbmProfileResourceTypeEnumSTORAGE) &&
		(category == "" || category == pbmtypes.PbmProfileCategoryEnumREQUIREMENT) {
		for _, policy := range p.sim.policies.all {
			res.Returnval = append(res.Returnval, pbmtypes.PbmProfileId{UniqueId: policy.id})
		}
	}
	return &methods.PbmQueryProfileBody{Res: res}
}

func (p *policyService) retrieveContent(m *simulator.Method) soap.HasFault {
	req := m.Body.(*pbmtypes.PbmRetrieveContent)
	if len(req.ProfileIds) == 0 {
		return faultBody(&types.InvalidRequest{})
	}
	res := new(pbmtypes.PbmRetrieveContentResponse)
	for _, id := range req.ProfileIds {
		policy := p.sim.policies.byID(id.UniqueId)
		if policy == nil {
			return faultBody(&types.InvalidArgument{InvalidProperty: "profileIds"})
		}
		res.Returnval = append(res.Returnval, &pbmtypes.PbmCapabilityProfile{
			PbmProfile:      pbmtypes.PbmProfile{ProfileId: id, Name: policy.name},
			ProfileCategory: string(pbmtypes.PbmProfileCategoryEnumREQUIREMENT),
			ResourceType:    pbmtypes.PbmProfileResourceType{ResourceType: string(pbmtypes.PbmProfileResourceTypeEnumSTORAGE)},
			Constraints:     &pbmtypes.PbmCapabilitySubProfileConstraints{},
		})
	}
	return &methods.PbmRetrieveContentBody{Res: res}
}

// checkRequirements answers for each hub, and says what is wrong with those that do not satisfy a policy. Without hubs it is
// about all datastores.
func (p *policyService) checkRequirements(m *simulator.Method) soap.HasFault {
	req := m.Body.(*pbmtypes.PbmCheckRequirements)
	if len(req.PlacementSubjectRequirement) == 0 {
		return faultBody(&types.InvalidArgument{InvalidProperty: "placementSubjectRequirement"})
	}
	hubs := req.HubsToSearch
	if len(hubs) == 0 {
		for _, store := range p.sim.registry.All("Datastore") {
			hubs = append(hubs, pbmtypes.PbmPlacementHub{HubType: "Datastore", HubId: store.Reference().Value})
		}
	}
	res := new(pbmtypes.PbmCheckRequirementsResponse)
	for _, hub := range hubs {
		result := pbmtypes.PbmPlacementCompatibilityResult{Hub: hub}
		for _, base := range req.PlacementSubjectRequirement {
			profile, ok := base.(*pbmtypes.PbmPlacementCapabilityProfileRequirement)
			if !ok {
				return faultBody(&types.NotSupported{})
			}
			policy := p.sim.policies.byID(profile.ProfileId.UniqueId)
			if policy == nil {
				return faultBody(&types.InvalidArgument{InvalidProperty: "profileId"})
			}
			if !slices.Contains(policy.stores, types.ManagedObjectReference{Type: hub.HubType, Value: hub.HubId}) {
				result.Error = append(result.Error, types.LocalizedMethodFault{
					Fault:            &pbmtypes.PbmCompatibilityCheckFault{Hub: hub},
					LocalizedMessage: "The datastore does not satisfy the policy.",
				})
			}
		}
		res.Returnval = append(res.Returnval, result)
	}
	return &methods.PbmCheckRequirementsBody{Res: res}
}
