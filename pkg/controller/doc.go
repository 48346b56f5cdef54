// Package controller moves keys: from the informer's events and vCenter's notifications into one queue, and from there to
// the sync, one at a time per VmGroup. It knows nothing of VMs.
//
// What it promises:
//
//   - One key is synced by one worker at a time, and no key is ever dropped: whatever a sync returns, the key comes back,
//     by an event, a notification or a delay (requeue.go, the one place that acts on classes of errors).
//   - A person's edit has priority (priority.go).
//   - Notifications that follow each other closely lead to one sync (coalesce.go).
//   - A sync never sees an object older than what we last wrote to it ourselves (writes.go).
//   - A panic in one key becomes an error, which is counted and retried; the others go on.
//   - Run returns when all workers have ended, and not before.
package controller
