package sim

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// containerView is a ContainerView over a folder, a datacenter or a cluster. The stock simulator keeps a list, searches the whole
// tree for every new object, and never takes off what was moved out. Ours keeps no list: what belongs to it is decided
// by walking up from the object.
type containerView struct {
	mo.ContainerView
	registry *simulator.Registry
	hub      *hub
}

// createContainerView carries out CreateContainerView. Containers of other types stay with the stock simulator.
func (s *Simulator) createContainerView(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	req := m.Body.(*types.CreateContainerView)
	switch req.Container.Type {
	case "Folder", "Datacenter", "ClusterComputeResource", "ComputeResource":
	default:
		return s.stock(ctx, m)
	}
	if ctx.Map.Get(req.Container) == nil {
		return faultBody(&types.ManagedObjectNotFound{Obj: req.Container})
	}
	view := &containerView{registry: ctx.Map, hub: s.hub}
	view.Self.Type = "ContainerView"
	view.Container, view.Type, view.Recursive = req.Container, req.Type, req.Recursive
	ctx.Session.Put(view)
	return &methods.CreateContainerViewBody{Res: &types.CreateContainerViewResponse{Returnval: view.Self}}
}

// DestroyView forgets the view.
func (v *containerView) DestroyView(ctx *simulator.Context, req *types.DestroyView) soap.HasFault {
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyViewBody{Res: new(types.DestroyViewResponse)}
}

// Get is what the stock property collector reads: the view with its list made up.
func (v *containerView) Get() mo.Reference {
	view := v.ContainerView
	view.View = nil
	for _, e := range v.registry.All("") {
		if v.contains(e) {
			view.View = append(view.View, e.Reference())
		}
	}
	slices.SortFunc(view.View, func(a, b types.ManagedObjectReference) int {
		return strings.Compare(a.String(), b.String())
	})
	return &view
}

func (v *containerView) contains(e mo.Entity) bool {
	if !v.selects(e) || v.hub.isUnborn(e.Reference()) || v.hub.isHidden(e.Reference()) {
		return false
	}
	in, child := below(v.registry, e, v.Container)
	return in && (child || v.Recursive)
}

func (v *containerView) selects(obj mo.Reference) bool {
	return len(v.Type) == 0 || slices.ContainsFunc(v.Type, func(kind string) bool { return isA(obj, kind) })
}
