// Package plan decides. Given a VmGroup and a snapshot of vCenter, Compute returns the next changes, and Status returns what
// the user reads. Both are pure: no call, no context, no logger, no clock, no error. The same input makes the same plan, so
// the whole policy can be read, and tested, here.
//
// One file answers one question:
//
//	input.go      what does a decision depend on, and what is a plan?
//	plan.go       which part of the policy applies?
//	class.go      which controller keeps a group, and by which class?
//	view.go       what do the snapshot and the status say of a VM?
//	membership.go whose are these VMs, and which count?
//	attach.go     what is in flight, or has failed, on which of them?
//	member.go     in which state is one, and what does it need next?
//	names.go      what is a new VM called?
//	revision.go   what is a VM made from, and is this one made from it?
//	uptodate.go   are all as the spec has them?
//	readiness.go  is it ready, is it available?
//	clocks.go     since when? What vCenter does not tell, the group has observed
//	rollout.go    how many are to be made and to go: the numbers
//	partition.go  which VMs keep an earlier revision, and what is one of them made from again?
//	history.go    which revisions are recorded?
//	scale.go      which operations bring that about?
//	victims.go    which go first?
//	zones.go      in which zone is a VM made, and which zone does surplus leave?
//	networks.go   can its NICs be connected?
//	place.go      on which host is a VM made, where vCenter chooses none?
//	removal.go    how does the group end?
//	forecast.go   what becomes of the VMs in the end, in numbers?
//	policies.go   what holds a change back: read-only, paused, back-off, exhaustion?
//	problem.go    what stands in the way?
//	notices.go    what should people know that does not stand in the way?
//	status.go     what does the status count and list?
//	conditions.go what do its conditions, its phase and its message say?
//
// A plan is a step, not a script: the caller carries it out as far as it goes, and computes a new one from a new snapshot.
// No plan relies on an earlier one. Compute builds the members of the plan; Status and VMStates only read them.
package plan
