// Package plan decides. Given a VmGroup and what is known of vCenter, Compute says what is to be done next, and Status
// says what is to be told the user. Both are pure: no call, no context, no logger, no clock, no error. The same input
// makes the same plan, so the whole policy can be read, and tested, here.
//
// One file answers one question:
//
//	census.go   which VMs are there, whose are they, and which of them count?
//	member.go   in which state is one of them, and what does it need next?
//	plan.go     what is to be done next?
//	ondelete.go what is to become of the VMs of a group that is deleted?
//	names.go    what is a new VM called?
//	revision.go what is a VM made from, and is this one made from it?
//	place.go    on which host is it made, where nothing else chooses one?
//	rank.go     who goes first when there are too many?
//	gate.go     has a failure, or a power-on that did not last, been waited out?
//	problem.go  what stands in the way?
//	asides.go   what does not, and will?
//	status.go   what is the user told?
//
// A plan is a step, not a script: it is carried out as far as it goes and computed anew from what is seen then. Nothing
// in it relies on an earlier plan.
package plan
