package vsphere

// Association says what a group wants of tags and cluster modules.
type Association struct {
	// Held is true while nothing of the group's VMs is changed: they are neither tagged, nor put into a module or taken out of one.
	Held  bool
	Apart Apart
}

// Apart says whether the VMs of a group are to run on different hosts.
type Apart string

// What a group may want. Its zero value is that it has never wanted anything: there is nothing of it, and what there is is somebody
// else's.
const (
	// KeepApart: as far as there are enough hosts.
	KeepApart Apart = "Keep"
	// ReleaseApart: not any more. An earlier process may have kept them apart.
	ReleaseApart Apart = "Release"
)
