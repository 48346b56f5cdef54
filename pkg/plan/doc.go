// Package plan decides. Given a VmGroup and what is known of vCenter, Compute says what is to be done next, and Status
// says what is to be told the user. Both are pure: no call, no context, no logger, no clock, no error. The same input
// makes the same plan, so the whole policy can be read, and tested, here.
//
// One file answers one question:
//
//	census.go  which VMs are there, whose are they, and which of them count?
//	member.go  in which state is one of them, and what does it need next?
//	plan.go    what is to be done next?
//	names.go   what is a new VM called?
//	rank.go    who goes first when there are too many?
//	gate.go    has a failure been waited out?
//	problem.go what stands in the way?
//	status.go  what is the user told?
//
// A plan is a step, not a script: it is carried out as far as it goes and computed anew from what is seen then. Nothing
// in it relies on an earlier plan.
package plan
