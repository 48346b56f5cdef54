package control

import (
	"slices"
	"strings"
)

// Target is the object of a call that a privilege is asked for on.
type Target string

// Targets of calls.
const (
	OnItself      Target = "the object itself"
	OnDestination Target = "the folder that the VM is made in"
	OnPool        Target = "the resource pool"
	OnDatastore   Target = "the datastore"
	OnPod         Target = "the datastore cluster"
	OnNetworks    Target = "each network that the VM is connected to"
	OnVCenter     Target = "vCenter's root folder"
	OnTaskEntity  Target = "what the task is about: of a clone, the template"
	OnTag         Target = "the tag"
	OnCluster     Target = "the cluster"
)

// TargetOf returns the object of a method that a vCenter asks for a privilege on. Whatever a clone does to the VM that it
// makes is asked for on the folder, whose privileges that VM will inherit.
func TargetOf(method, privilege string) Target {
	switch {
	case privilege == cancelTask:
		return OnTaskEntity
	case privilege == readCustomizations:
		return OnVCenter
	case privilege == attachTag, slices.Contains(readsTags, method):
		return OnTag
	case privilege == editCluster, slices.Contains(readsModules, method):
		return OnCluster
	case method == recommend && privilege == allocateSpace:
		return OnPod
	case method != cloneVM || privilege == deployTemplate:
		return OnItself
	case privilege == assignToPool:
		return OnPool
	case privilege == allocateSpace:
		return OnDatastore
	case privilege == assignNetwork:
		return OnNetworks
	default:
		return OnDestination
	}
}

const (
	cloneVM        = "VirtualMachine.CloneVM_Task"
	recommend      = "StorageResourceManager.RecommendDatastores"
	deployTemplate = "VirtualMachine.Provisioning.DeployTemplate"
	cancelTask     = "Global.CancelTask"
	assignToPool   = "Resource.AssignVMToPool"
	allocateSpace  = "Datastore.AllocateSpace"
	assignNetwork  = "Network.Assign"
	createFolder   = "Folder.Create"

	readCustomizations = "VirtualMachine.Provisioning.ReadCustSpecs"
	attachTag          = "InventoryService.Tagging.AttachTag"
	editCluster        = "Host.Inventory.EditCluster"
	viewPolicies       = "StorageProfile.View"
)

// Object is where in the inventory an account is granted something.
type Object string

// Objects that the controller's account is granted something on.
const (
	VCenterRoot    Object = "vCenter's root folder"
	Datacenter     Object = "datacenter"
	VMFolder       Object = "datacenter's VM folder"
	RootFolder     Object = "root folder"
	TemplateFolder Object = "template folder"
	ResourcePool   Object = "resource pool"
	Datastore      Object = "datastore"
	Cluster        Object = "cluster"
	Tags           Object = "global permissions, or each tag that a class names"
	// DatastoreCluster is a StoragePod, whose members have no permission of their own.
	DatastoreCluster Object = "datastore cluster"
	Network          Object = "network"
)

// Grant is one permission, as it is set on one object of the inventory. As in vCenter, an object's own permission is all
// that holds there; what is inherited counts only where there is none.
type Grant struct {
	On         Object
	Propagate  bool // to what is below it
	Privileges []string
	Note       string
}

// Grants returns all that the controller's account needs. Without a template folder, templates are looked for, and cloned,
// in the whole datacenter. Who makes the root folder himself need not let the account make it.
func Grants(templateFolder, rootGiven bool) []Grant {
	templates := []string{cancelTask, deployTemplate}
	reading := Grant{On: Datacenter, Propagate: true, Note: "to see what there is to choose from, and VMs that were moved"}
	grants := []Grant{{
		On: VCenterRoot, Privileges: []string{readCustomizations, viewPolicies},
		Note: "to log in, and to find the datacenter; the same on each folder above the datacenter. `ReadCustSpecs` only where a class offers customization specifications, and `StorageProfile.View` only where one names a storage policy",
	}}
	if templateFolder {
		grants = append(grants, reading,
			Grant{TemplateFolder, true, templates, "to clone the templates in it, and to give up a clone"})
	} else {
		reading.Privileges, reading.Note = templates, reading.Note+"; and to clone templates, which are looked for everywhere"
		grants = append(grants, reading)
	}
	if !rootGiven {
		grants = append(grants, Grant{VMFolder, false, []string{createFolder}, "only if the controller is to make the root folder"})
	}
	grants = append(grants,
		Grant{RootFolder, true, belowRoot(), "to make, switch and destroy VMs and folders, here and nowhere else"},
		Grant{ResourcePool, false, []string{assignToPool}, "the one that VMs are made in; without -resource-pool, the cluster's own"},
		Grant{Datastore, false, []string{allocateSpace}, "the one that VMs are made on"},
		Grant{DatastoreCluster, true, []string{allocateSpace}, "where a class names a datastore cluster: each, with its members"},
		Grant{Network, false, []string{assignNetwork}, "each that a VM is connected to"},
		Grant{Cluster, false, []string{editCluster}, "each that VMs are made in; only if a group asks for antiAffinity"},
		Grant{Tags, false, []string{attachTag}, "only if a class names tags: what is granted on other objects does not hold for tags"},
	)
	for i := range grants {
		grants[i].Privileges = append([]string{read, view}, grants[i].Privileges...)
	}
	return grants
}

// belowRoot returns the privileges that methods ask for below the root folder.
func belowRoot() []string {
	var ids []string
	for _, p := range privileges {
		for _, id := range p.Privileges {
			target := TargetOf(p.Method, id)
			here := target == OnDestination || target == OnItself && id != deployTemplate
			if here && !strings.HasPrefix(id, "System.") && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}
