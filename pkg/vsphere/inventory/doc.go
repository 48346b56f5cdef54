// Package inventory holds what is known of a vCenter: VMs, folders, templates, hosts, and the snapshots made of them. It
// makes no call and knows no client; the adapter feeds it with plain records and asks it.
//
// An Inventory outlives connections. A connection begins with Restart and reports what its filters hold:
//
//  1. Update and Leave take what a filter reports of a VM. Two filters may hold one VM, so each VM knows its Sources.
//  2. Refresh takes what a read of all VMs has answered. A filter that has reported since the read began knows better.
//  3. Verified, MarkUnreadable and Delete take the outcome of reading one VM that no filter holds. A VM of ours leaves the
//     inventory by Delete only, which needs a proof that it is gone.
//  4. SetDisk takes what a read of disks has answered. No filter reports these.
//  5. UpdateFolder, DeleteFolder and RefreshTree do the same for folders and templates.
//
// Each of them adds to Changes which groups to notify and what to read next.
//
// Records are replaced and never changed. Snapshots share them: a VM that stays the same stays the same pointer, and a list
// that was handed out stays as it was. So a snapshot costs what has changed, not what there is.
//
// All methods of an Inventory may be called concurrently. A Changes belongs to one goroutine.
package inventory
