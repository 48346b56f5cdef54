// Package vim drives a vCenter through its SOAP API. It is the only package that knows govmomi.
//
// One goroutine, Run, owns the session: it connects, logs in if there is no session, resolves the placement, watches,
// and starts over when anything breaks. Everybody else calls through the connection that it has made, and tells it when
// a call shows that the connection is gone. So there is one login at a time, one back-off, and one place that knows
// whether vCenter is there.
//
// One PropertyCollector feeds one cache. Its filters are: the folders of the datacenter, the VMs below the root folder,
// the templates (where a template folder is set), the VMs of ours that lie elsewhere, and the tasks in flight. What it
// reports is copied into the inventory, and the groups concerned are notified once per update set. Snapshot reads the
// cache and makes no call.
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
