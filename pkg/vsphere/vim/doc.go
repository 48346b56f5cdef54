// Package vim drives a vCenter through its SOAP API, and through its REST endpoint where that alone knows: tags and cluster modules. It is
// the only package that knows govmomi.
//
// One goroutine, Run, owns the session: it connects, logs in if there is no session, finds the datacenter, watches, and
// starts over when anything breaks. All others call through the connection that it has made, and report a call which shows
// that the connection is gone. So there is one login at a time, one back-off, and one place that knows whether vCenter is
// there.
//
// The files know each other in one direction:
//
//	session.go login.go tls.go       VCenter.Run: one connection after the other
//	run.go                           the life of a connection
//	watch.go views.go filters.go     what is watched, and what the collector reports
//	queue.go resync.go sweep.go      what is read beside the watch
//	snapshot.go template.go folder.go clone.go start.go proven.go power.go shutdown.go reconfigure.go destroy.go
//	disk_size.go advice.go running.go cancel.go configure.go customization.go
//	                                 the calls of the port
//	associations.go tags.go modules.go module_list.go module_changes.go rest.go
//	                                 what VMs are put into, beside all else, and the endpoint for that
//	verify.go clone_tasks.go tasks.go hosts.go classes.go placement.go storage.go policies.go
//	                                 what a read or a task means
//	read.go ancestry.go connection.go
//	                                 reads, by a connection
//	shared.go                        what outlives connections: the inventory, the operations, the tasks in flight
//	pending_tasks.go task_list.go read_queue.go host_list.go sweeps.go requests.go template_state.go
//	                                 state, which makes no call
//	decode.go guest.go props.go object.go
//	                                 from vCenter's properties to plain records
//	caller.go call_error.go errors.go faults.go
//	                                 one call, and what its error means
//
// The way of one event: the collector reports an update (watch.go), decode.go makes a plain record of it, the inventory takes
// the record and says which groups it concerns, and publish (shared.go) notifies these once for each set of updates. What the
// update leaves open goes into the read queue: a VM that has left all filters, a host without a name. The group is synced,
// Snapshot reads the inventory, which makes no call, and the plan asks for operations. Each is a call whose task goes onto the
// list of tasks, and the collector reports its end.
//
// One PropertyCollector feeds the inventory. Its filters are: the folders of the datacenter, the VMs below the root folder,
// the templates (where a template folder is set, by a flag or a class), the VMs of ours that lie elsewhere, the tasks in flight,
// the hosts, and the clusters that VMs are made in.
//
// Workers do not wait. What takes long runs beside them, and its end notifies the group: sweeps.go spaces the sweeps,
// template_search.go searches for templates, requests.go runs the rest.
//
// govmomi's conveniences are avoided where they cost or guess: Task.Wait opens a collector per task, the Finder takes
// names for patterns, vim25.Retry sends a clone twice, Folder.Destroy is recursive, and its TLS dialer has no deadline.
//
// Three things stand in one place each, so that they cannot be forgotten: the guard and the deadline of a call
// (caller.go), the class of a fault (faults.go), and what it takes to call a VM gone (verify.go).
package vim
