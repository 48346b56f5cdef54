// Package vsphere names the API group of the VmGroup; its versions are the packages below it.
package vsphere

// GroupName is the API group of every kind in this tree.
const GroupName = "vsphere.vmware.com"
