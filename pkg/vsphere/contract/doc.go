// Package contract is what every implementation of vsphere.Interface must pass: the fake, so that tests that stand on it
// mean something, and the adapter to vCenter.
//
// Scenarios look at the implementation through its Snapshot only, and look again only when it has notified the group: a
// change that nobody is told of fails them. What really is in the vCenter, they ask the World.
package contract
