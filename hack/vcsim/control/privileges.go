package control

import "slices"

// Privilege is what a vCenter asks of an account for one method. Of which object, [TargetOf] says.
type Privilege struct {
	Method     string   `json:"method"` // type and method, such as "VirtualMachine.Destroy_Task"
	Privileges []string `json:"privileges"`
	Why        string   `json:"why"` // what the controller needs the method for
}

// Privileges of reading.
const (
	view = "System.View"
	read = "System.Read"
)

// diskPrivileges are asked for only if a disk gets another size.
var diskPrivileges = []string{"VirtualMachine.Config.EditDevice", "VirtualMachine.Config.DiskExtend"}

// networkPrivileges are asked for only if network cards are connected to other networks, added or removed.
var networkPrivileges = []string{"VirtualMachine.Config.EditDevice", "VirtualMachine.Config.AddRemoveDevice"}

// customizationPrivileges are asked for only if a guest is to be customized.
var customizationPrivileges = []string{"VirtualMachine.Provisioning.Customize"}

// tagging is what attaching and detaching tags asks for. The reference of the calls speaks of the privilege to attach the tag
// and the one to read the object; ObjectAttachable, on the object, comes from the list of privileges.
var tagging = []string{attachTag, read, "InventoryService.Tagging.ObjectAttachable"}

// readsTags is the calls that read tags and categories. They ask for the privilege to do so on those.
var readsTags = []string{
	"tagging.ListCategories", "tagging.GetCategory", "tagging.ListTagsForCategory", "tagging.GetTag",
	"tagging.ListAttachedObjects", "tagging.ListAttachedObjectsOnTags",
}

// readsModules is the calls that read cluster modules. They ask for the privilege to do so on the cluster.
var readsModules = []string{"modules.List", "modules.ListMembers"}

// privileges is the documented minimum: every method that the controller may call once it has logged in. It is the one
// place to add to.
var privileges = []Privilege{
	{"ServiceInstance.RetrieveServiceContent", []string{view}, "to find the managers"},
	{"ServiceInstance.CurrentTime", []string{view}, "to see whether the session lives"},
	{"SessionManager.Login", nil, "to log in; refused while logged in"},
	{"SessionManager.Logout", []string{view}, "to leave no session behind"},
	{"PropertyCollector.RetrieveProperties", []string{view, read}, "to read"},
	{"PropertyCollector.RetrievePropertiesEx", []string{view, read}, "to read"},
	{"PropertyCollector.ContinueRetrievePropertiesEx", []string{view, read}, "to read what does not fit one answer"},
	{"PropertyCollector.CancelRetrievePropertiesEx", []string{view}, "to leave off reading"},
	{"PropertyCollector.CreatePropertyCollector", []string{view}, "to watch"},
	{"PropertyCollector.DestroyPropertyCollector", []string{view}, "to leave no collector behind"},
	{"PropertyCollector.CreateFilter", []string{view, read}, "to watch"},
	{"PropertyFilter.DestroyPropertyFilter", []string{view}, "to leave no filter behind"},
	{"PropertyCollector.WaitForUpdatesEx", []string{view, read}, "to watch"},
	{"PropertyCollector.CancelWaitForUpdates", []string{view}, "to leave off watching"},
	{"ViewManager.CreateContainerView", []string{view}, "to watch what is below a folder"},
	{"ViewManager.CreateListView", []string{view}, "to watch tasks"},
	{"ListView.ModifyListView", []string{view}, "to watch other tasks"},
	{"ListView.ResetListView", []string{view}, "to watch other tasks"},
	{"ListView.DestroyView", []string{view}, "to leave no view behind"},
	{"ContainerView.DestroyView", []string{view}, "to leave no view behind"},
	{"SearchIndex.FindChild", []string{view}, "to look for the VM or the folder of a request whose answer was lost"},
	{"EventManager.QueryEvents", []string{view}, "to tell which VM a clone task makes"},
	{"Folder.CreateFolder", []string{"Folder.Create"}, "to make a group's folder"},
	{"Folder.UnregisterAndDestroy_Task", []string{"Folder.Delete"}, "to remove a group's folder once it is empty"},
	{"VirtualMachine.CloneVM_Task", []string{
		"VirtualMachine.Provisioning.DeployTemplate", "VirtualMachine.Inventory.CreateFromExisting",
		"VirtualMachine.Config.AdvancedConfig", "VirtualMachine.Config.Settings", "VirtualMachine.Config.CPUCount", "VirtualMachine.Config.Memory",
		"VirtualMachine.Interact.PowerOn", "Resource.AssignVMToPool", "Datastore.AllocateSpace", "Network.Assign",
	}, "to make a VM, full or linked, with its stamp, CPUs and memory, on its template's networks, and switched on"},
	{"VirtualMachine.CloneVM_Task", diskPrivileges, "to make a VM with a larger disk than its template's, where spec.disk asks for one"},
	{"VirtualMachine.CloneVM_Task", networkPrivileges, "to connect the NICs of a VM to other networks than its template's, and to add or remove some, where spec.networks asks for it"},
	{"VirtualMachine.CloneVM_Task", customizationPrivileges, "to have a guest customized, where spec.guest names a customization specification"},
	{"CustomizationSpecManager.GetCustomizationSpec", []string{readCustomizations}, "to read a customization specification, where a class offers some"},
	{"StorageResourceManager.RecommendDatastores", []string{view, allocateSpace}, "to ask Storage DRS which datastores of a datastore cluster VMs go to, where a class names one"},
	{"PbmServiceInstance.PbmRetrieveServiceContent", []string{view}, "to find what knows the storage policies, where a class names one"},
	{"PbmProfileProfileManager.PbmQueryProfile", []string{viewPolicies}, "to find a storage policy by its name"},
	{"PbmProfileProfileManager.PbmRetrieveContent", []string{viewPolicies}, "to find a storage policy by its name"},
	{"PbmPlacementSolver.PbmCheckRequirements", []string{viewPolicies}, "to find the datastores that satisfy a storage policy"},
	{"VirtualMachine.PowerOnVM_Task", []string{"VirtualMachine.Interact.PowerOn"}, "to switch a VM on"},
	{"VirtualMachine.ShutdownGuest", []string{"VirtualMachine.Interact.PowerOff"}, "to let a guest shut down before its VM is switched off"},
	{"VirtualMachine.PowerOffVM_Task", []string{"VirtualMachine.Interact.PowerOff"}, "to switch a VM off before it is destroyed, or changed in place"},
	{"VirtualMachine.ResetVM_Task", []string{"VirtualMachine.Interact.Reset"}, "to reset a VM that is not healthy"},
	{"VirtualMachine.ReconfigVM_Task", []string{
		"VirtualMachine.Config.CPUCount", "VirtualMachine.Config.Memory", "VirtualMachine.Config.AdvancedConfig",
	}, "to change a VM's CPUs and memory in place, and its stamp with them, or to tell its guest its hostname, addresses and user data; the first two are asked for only if they change"},
	{"VirtualMachine.ReconfigVM_Task", []string{"VApp.ApplicationConfig"}, "to take away the vApp config that a template has brought, where spec.guest asks for cloud-init, which would look there first"},
	{"VirtualMachine.ReconfigVM_Task", diskPrivileges, "to let a VM's disk grow in place, where spec.disk asks for a larger one"},
	{"VirtualMachine.Destroy_Task", []string{"VirtualMachine.Inventory.Delete"}, "to destroy a VM"},
	{"Task.CancelTask", []string{"Global.CancelTask"}, "to give up a clone that takes too long; vCenter may ask nothing for a task of one's own"},
	{"session.Login", nil, "to log in to the REST endpoint, where a class names tags or a group asks for antiAffinity"},
	{"session.Get", nil, "to see whether that session lives"},
	{"session.Logout", nil, "to leave no such session behind"},
	{"tagging.ListCategories", []string{read}, "to find the category of a tag that a class names"},
	{"tagging.GetCategory", []string{read}, "to find the category of a tag that a class names"},
	{"tagging.ListTagsForCategory", []string{read}, "to find a tag that a class names"},
	{"tagging.GetTag", []string{read}, "to find a tag that a class names"},
	{"tagging.ListAttachedObjects", []string{read}, "to see which VMs have a tag"},
	{"tagging.ListAttachedObjectsOnTags", []string{read}, "to see which VMs have a tag"},
	{"tagging.ListAttachedTags", []string{read}, "to see which tags a VM has"},
	{"tagging.ListAttachedTagsOnObjects", []string{read}, "to see which tags VMs have"},
	{"tagging.AttachTag", tagging, "to attach a tag to a VM"},
	{"tagging.AttachTagToMultipleObjects", tagging, "to attach a tag to VMs"},
	{"tagging.AttachMultipleTagsToObject", tagging, "to attach tags to a VM"},
	{"tagging.DetachTag", tagging, "to detach a tag from a VM"},
	{"tagging.DetachMultipleTagsFromObject", tagging, "to detach tags from a VM"},
	{"modules.List", []string{read}, "to see whether a cluster module is still there"},
	{"modules.Create", []string{editCluster}, "to make a cluster module for a group that asks for antiAffinity"},
	{"modules.Delete", []string{editCluster}, "to remove a group's cluster module"},
	{"modules.ListMembers", []string{read}, "to see which VMs are in a cluster module"},
	{"modules.AddMembers", []string{editCluster}, "to put VMs into a group's cluster module"},
	{"modules.RemoveMembers", []string{editCluster}, "to take VMs that are gone out of it: vCenter leaves them in"},
}

// Privileges returns what the simulator lets a client do in strict mode, method by method.
func Privileges() []Privilege { return slices.Clone(privileges) }

// PrivilegesOf returns what a method asks for, and whether it is allowed at all.
func PrivilegesOf(method string) ([]string, bool) {
	var asked []string
	known := false
	for _, p := range privileges {
		if p.Method == method {
			asked, known = append(asked, p.Privileges...), true
		}
	}
	return asked, known
}

// OptionalClonePrivileges returns what a clone asks for only if it changes devices, or is customized.
func OptionalClonePrivileges() []string {
	return slices.Concat(diskPrivileges, networkPrivileges, customizationPrivileges)
}

// DiskPrivileges returns what methods ask for only if they give a disk another size.
func DiskPrivileges() []string { return slices.Clone(diskPrivileges) }
