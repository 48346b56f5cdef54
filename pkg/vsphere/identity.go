package vsphere

// Identity says what a VM is to a group. A name, a path or a folder is never proof of it: only the stamp and the instance
// are.
type Identity string

// Identities, see Identify.
const (
	// Ours is counted, kept, and destroyed when surplus.
	Ours Identity = "Ours"
	// ConvertedToTemplate was ours and was made a template: not counted, not destroyed, ours again when converted back.
	ConvertedToTemplate Identity = "ConvertedToTemplate"
	// Copy carries our stamp but is another VM (somebody cloned ours: vCenter copies ExtraConfig). Never touched.
	Copy Identity = "Copy"
	// Incomplete has no name or no configuration yet, or only a part of it: whose it is cannot be known. Never touched.
	Incomplete Identity = "Incomplete"
	// Foreign is everything else. Never touched.
	Foreign Identity = "Foreign"
)

// Identify tells what vm is to the group with this uid, for the controller with this owner identity. In order:
//
//  1. no name or no configuration: Incomplete
//  2. no stamp, or one of another owner or group: Foreign
//  3. our stamp, and no instanceUuid yet: Incomplete
//  4. our stamp, another instanceUuid: Copy
//  5. a template: ConvertedToTemplate
//  6. Ours
//
// A VM that cannot be read any more is judged by what was last known of it.
func Identify(owner, uid string, vm VM) Identity {
	switch {
	case vm.Name == "" || !vm.Configured:
		return Incomplete
	case vm.Stamp == nil || vm.Stamp.Owner != owner || vm.Stamp.UID != uid:
		return Foreign
	case vm.InstanceUUID == "":
		return Incomplete
	case vm.Stamp.Instance != vm.InstanceUUID:
		return Copy
	case vm.Template:
		return ConvertedToTemplate
	default:
		return Ours
	}
}
