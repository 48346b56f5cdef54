// Package vsphere is the port between the controller and vCenter: the interface that a vCenter is driven through, the
// values that cross it, and the one error type with its classes.
//
// It makes no call and knows no client library. Adapters live below it: pkg/vsphere/vim talks to a vCenter,
// pkg/vsphere/fake is one in memory; both must pass pkg/vsphere/contract.
//
// Two rules shape it. State comes from what is seen in the inventory, never from what was asked for: Snapshot is the
// only source of a decision. And a caller submits, it never waits: Start returns once vCenter has taken the requests, and
// the group is notified when their tasks end. What takes long to find out is requested and answered in the same way (see
// Interface).
package vsphere
