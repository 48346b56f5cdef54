package plan

import "github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"

// VMStates counts all VMs that have to do with the group by state, however many they are, where its status lists
// MaxListedVMs of them. It returns nil if the plan was made without a view of them: what was known before is still the best
// that is known.
func (p Plan) VMStates(in Input) map[v1alpha1.VMState]int {
	if in.Unavailable != nil || otherVCenter(in) {
		return nil
	}
	states := map[v1alpha1.VMState]int{}
	for _, list := range [][]*member{p.census.ours, p.census.pending, p.census.unclear} {
		for _, m := range list {
			if m.state != "" { // of a group that goes without us, nobody has looked at its VMs
				states[m.state]++
			}
		}
	}
	states[v1alpha1.VMConvertedToTemplate] += len(p.census.taken)
	states[v1alpha1.VMCopy] += len(p.census.copies)
	return states
}
