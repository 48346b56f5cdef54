package sim

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// opSetDRS gives the DRS of the first datacenter's first cluster a behavior, or turns it off.
func (s *Simulator) opSetDRS(r control.Request) (any, error) {
	cluster := s.clusterOf(s.datacenters[0])
	if cluster == nil {
		return nil, fmt.Errorf("there is no cluster")
	}
	s.configureDRS(cluster, r.On, types.DrsBehavior(r.Name))
	return control.Reply{MoRef: cluster.Self.Value}, nil
}

func (s *Simulator) configureDRS(cluster *simulator.ClusterComputeResource, on bool, behavior types.DrsBehavior) {
	ctx := s.background()
	var config types.ClusterConfigInfoEx
	ctx.WithLock(cluster, func() { config = *cluster.ConfigurationEx.(*types.ClusterConfigInfoEx) })
	config.DrsConfig.Enabled, config.DrsConfig.DefaultVmBehavior = types.NewBool(on), behavior
	ctx.Map.AtomicUpdate(ctx, cluster, []types.PropertyChange{{Name: "configurationEx", Val: &config}})
}

// opSetHost changes the state of a host.
func (s *Simulator) opSetHost(r control.Request) (any, error) {
	for _, e := range s.registry.All("HostSystem") {
		host := e.(*simulator.HostSystem)
		if host.Self.Value != r.Host && host.Name != r.Host {
			continue
		}
		connection := types.HostSystemConnectionStateConnected
		if r.Name != "" {
			connection = types.HostSystemConnectionState(r.Name)
		}
		ctx := s.background()
		ctx.Map.AtomicUpdate(ctx, host, []types.PropertyChange{
			{Name: "runtime.inMaintenanceMode", Val: r.On}, {Name: "runtime.connectionState", Val: connection},
		})
		return control.Reply{MoRef: host.Self.Value}, nil
	}
	return nil, &lookupError{"host", r.Host, 0}
}
