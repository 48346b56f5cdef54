package v1alpha1

// DefaultReplicas is the number of VMs of a group that does not say how many it wants.
const DefaultReplicas int32 = 1

// DesiredReplicas is spec.replicas, or its default. The API server fills in the default for objects written through it;
// this covers those that were not, such as objects built in Go.
func (g *VmGroup) DesiredReplicas() int32 {
	if g.Spec.Replicas == nil {
		return DefaultReplicas
	}
	return *g.Spec.Replicas
}
