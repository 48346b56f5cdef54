// Package invariants checks, while a test runs and without asking the controller, that nothing is lost, doubled or touched
// that is not ours. What it knows comes from the simulator's journal (its inventory and every SOAP call), from a watch of
// the API server, and from taps on the controller's ways to the API server and, for I9, to vCenter.
//
// The numbers are used in messages and tests:
//
//	I1  no VM is changed, and no task cancelled, that is not ours by stamp and instance, with a live or deleting group, or
//	    that lies outside the root folder
//	I2  no template is destroyed, no folder that has children is removed, no folder is destroyed at all
//	I3  a group never has more VMs, clones in flight included, than a generation wants that is not reached yet
//	I4  one VM at most has the slot of a group
//	I5  no clone ends with a VM that has no stamp
//	I6  the finalizer is there before vCenter is changed, and goes when no VM and no clone of the group is left
//	I7  a status claims a generation that exists, and VMs that were in service a moment ago
//	I9  a call to vCenter has a deadline
//	I10 a refused credential is tried once in a while, however many processes there are
//	I11 a process has one session of each endpoint at most
//	I13 no VM is taken from a group that needs it
//	I14 what is done for one group touches no other, and a group at rest is left alone
//	I15 no disk of a VM shrinks
//	I16 a guest that is to be told something of itself finds that at its first start
//	I17 no address is on two VMs at one moment
//	I18 no namespace has more VMs of a class, clones in flight included, than the class allows
//	P2  in the end, every VM of ours has its VmGroup
//
// I8 is [Checker.Mark] and [Checker.Quiet]: who runs the test knows when there should be rest. I12, how soon all is well, is
// for who runs the test, too.
//
// A pure core, state, is fed with everything in the order of time. Around it, readers collect and merge the streams. The
// core is late by as long as the slowest stream needs, so a test goes on for a moment after a breach.
package invariants
