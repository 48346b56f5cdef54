// Package cli is the kubectl plugin: "kubectl vmgroup tree web" runs kubectl-vmgroup, which is the controller's own binary
// by that name. One binary, because the plan that it shows must be made by the code that carries it out: the same
// adapter, the same gathering, the same plan.Compute.
//
// Nothing here changes vCenter, which is read through the adapter under a guard that refuses every change. That the adapter
// watches, and so makes views and a collector in a session of its own, costs a moment and saves a second way to read the
// inventory; they go with the session, at the end of the command.
//
// Kubernetes is read with the user's kubeconfig, and asked what it would store by a dry run. Some commands write fields of the
// spec, by server-side apply, which overrides nothing of others. What follows from it is the controller's to do.
//
// A login that is refused counts towards the lockout of the account, and people repeat commands that fail. So there is one
// attempt per command, by the policy of package login, which it shares with the controller. It is written into a file of the
// user, not into the controller's Lease, which most users may not write. So neither knows of the other's attempts, nor of those
// that another person makes.
//
// What the controller alone knows is not here: failures that it waits out, and turns that operations wait for. What it has
// under way in vCenter is, by vCenter's list of tasks.
package cli
