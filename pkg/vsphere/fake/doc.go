// Package fake is a vCenter in memory, for tests of whatever stands on the port.
//
// A VCenter is the world: folders, VMs, templates and tasks. A Client is one controller's connection to it and implements
// vsphere.Interface; several clients of one VCenter are several controllers, or one before and after a restart.
//
// Nothing happens by itself and nothing takes time: a task ends within the call that submits it, unless the test holds
// tasks or answers back; deadlines pass when the test moves the clock and calls Tick. So a test never waits.
//
// What it leaves out, beside everything that the port does not show: privileges, capacity, hosts. Faults stand in for
// them.
package fake
