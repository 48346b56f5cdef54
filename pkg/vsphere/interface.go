package vsphere

import "context"

// GroupID names a VmGroup towards vCenter.
type GroupID struct {
	// Namespace and Name name the group's folder, <root>/<namespace>/<name>.
	Namespace, Name string
	// UID is the VmGroup's metadata.uid, and what stamps are compared with: a group that is deleted and created again
	// under the same name owns nothing of its predecessor.
	UID string
}

// Interface is one vCenter, as the controller sees it. All methods may be called concurrently, for different groups; for
// one group the caller makes one call at a time. Every error is, or wraps, an *Error; Start may join several.
//
// Start, EnsureFolder, Cancel and RemoveFolder change vCenter. Each of them asks the adapter's guard first (the
// lease is surely ours, writing is allowed), and returns its error, of ClassUnavailable, with nothing sent.
//
// No method waits for what takes long: a search or a sweep of the datacenter, the removal of a folder, the verification of
// many VMs. FindTemplate, Verify and RemoveFolder return ErrPending then. The life cycle of such a request:
//
//  1. pending: the call returns ErrPending, and the adapter goes to work. The same call returns ErrPending until then.
//  2. answered: the adapter notifies the group. Each request has a deadline, so an answer always comes.
//  3. taken: the next call returns the answer.
//
// A lost connection ends all requests without an answer. The adapter notifies all groups, and they call again.
type Interface interface {
	// SetClasses says which classes there are, apart from that of the flags, which has no name. It makes no call. The adapter
	// finds out what they come to soon after, and again with each resync, and every few seconds while anything is wrong with
	// one. It notifies everybody when that changes.
	SetClasses(classes []ClassSpec)

	// Offer returns what a class comes to, from memory: it makes no call. It fails like Snapshot, and with ErrPending while the
	// adapter has not found out.
	Offer(ctx context.Context, class string) (Offer, error)

	// Snapshot returns what is known about a group of a class now, from memory: it makes no call. While the inventory is not
	// synced or vCenter does not answer, it fails with ClassUnavailable: unknown is not empty.
	Snapshot(ctx context.Context, g GroupID, class string) (Snapshot, error)

	// FindTemplate resolves spec.template: a name, or an inventory path below the template folder of a class. Names are
	// compared exactly. Where the template folder is watched it makes no call. Elsewhere the answer of a search of the whole
	// datacenter is kept for 30 s, and one search serves all groups. While the next search is under way, it may return the
	// template that the last one has found: Start reads it live. Without any answer it returns ErrPending. Fails with
	// ClassInvalid and reason TemplateEmpty, TemplateNotFound, TemplateAmbiguous or TemplateUnusable. A group whose
	// look-up has failed is notified when the answer may have changed.
	FindTemplate(ctx context.Context, g GroupID, class, path string) (Template, error)

	// FindTemplateByRef returns the template that a VM was once cloned from, whatever its name is by now. It goes by the same
	// answers as FindTemplate, and makes no call of its own. Fails with ClassInvalid and reason TemplateNotFound if it is gone or
	// lies outside the class's template folder, TemplateUnusable, or ErrPending. Where the template folder is watched, a group whose
	// look-up has failed is notified when the answer may have changed. Elsewhere it has to look again.
	FindTemplateByRef(ctx context.Context, g GroupID, class string, template Ref) (Template, error)

	// Verify reads VMs by MoRef that somebody remembers and the snapshot lacks. Those that are not proven gone
	// (ManagedObjectNotFound for that very object) and are ours, or cannot be read, are in the next snapshot after it has
	// returned nil. It may return ErrPending first: call it with the same VMs until there is an answer.
	Verify(ctx context.Context, g GroupID, vms []Ref) error

	// ReadDisks asks for the sizes of the first disks of VMs in the snapshot that does not tell them (VM.DiskBytes is 0). It
	// makes no call. Nobody watches devices, for they are many times as large as all else. It returns ErrPending until they are
	// read, and the group is notified then; those that vCenter does not show stay unknown, and are not read again before the
	// next resync or connection. Sizes that are known are read again after a reconfiguration, and by each resync: that somebody
	// else has changed one is seen no sooner.
	ReadDisks(ctx context.Context, g GroupID, vms []Ref) error

	// Sweep asks for a sweep that begins after the call: a read of the stamps of all VMs of the datacenter, all pages, and of
	// the tasks that run there. It makes no call, and returns the number of that sweep. Once Snapshot.Swept has reached the
	// number, no VM of ours that existed at the time of the call is missing from the snapshots, wherever it lies.
	//
	// At most one sweep is under way, and it serves all groups that wait. The adapter spaces sweeps, and repeats one that fails
	// until it succeeds. It notifies the waiting groups after each, and Snapshot.SweepErr says why it failed. A new connection
	// begins with a sweep, and so does each resync; both serve the waiting groups. While there is no connection, Sweep fails
	// with ClassUnavailable, and asks for nothing.
	Sweep(ctx context.Context, g GroupID) (int, error)

	// Stamped returns all VMs that are ours by stamp and instance, of whatever group, those that were made templates
	// included, from memory: it makes no call. After a sweep none is missing that can be read. It fails like Snapshot.
	Stamped(ctx context.Context) ([]VM, error)

	// EnsureFolder returns the group's folder and makes what is missing of <root>/<namespace>/<name>.
	EnsureFolder(ctx context.Context, g GroupID) (Ref, error)

	// Admit returns the requests that may find a place in the budget of their kind now. For the others the group waits in line,
	// and the adapter notifies it when it is its turn: whoever asks first need not prove for nothing that the requests are still
	// wanted. It makes no call.
	Admit(g GroupID, requests []Request) []Request

	// Start submits requests, in order. Requests of one kind that follow each other are one batch. The rules:
	//
	//  1. A request takes a place in the budget of its kind first. If there is none, the adapter neither reads nor sends
	//     anything for it: its batch ends with ErrNoBudget, and the adapter notifies the group when it is its turn. A request
	//     for a name or a VM with an operation under way fails with ReasonUnderWay, but for what rule 4 accepts.
	//  2. Clone: the template is read live, and the clone is sent at once, with a fresh stamp and instance. If it is not
	//     the template any more that FindTemplate has returned (gone, renamed, moved, no template, a VM of a VmGroup), nothing
	//     is sent, the answer of the look-up is forgotten, and the batch ends with ClassConflict and ReasonTemplateChanged.
	//     That is no Failure. One read holds for a few seconds at most: for the clones of one call, and for those of the group
	//     that had to wait for a turn. A template whose first disk is larger than the spec asks for is ClassInvalid and
	//     DiskTooSmall, and nothing is sent. Linked clones are made from a snapshot of the template, the current one or that of the
	//     name; without exactly one such snapshot it is ClassInvalid and SnapshotNotFound, and nothing is sent. They have the devices
	//     that the template had when the snapshot was taken. A customization specification is read live, and the request's Guest is put
	//     into it; one that is not there, or has no room for that, is ClassInvalid, and nothing is sent. A zone that says that a host is needed gets specs that name one of its hosts. An
	//     answer that is lost (ClassUnknown) leaves an operation in the snapshot until the adapter has looked.
	//  3. PowerOn, PowerOff, Reset, Shutdown: one that is not the group's, or that is seen outside the root folder, is refused
	//     (ClassConflict). A VM that has the wanted state already is a success. A VM that is not on is not reset: a Failure.
	//  4. Shutdown asks the guest, and vCenter tells nothing of what comes of that. The operation is under way until the VM is
	//     seen off, gone, or not the group's any more, and holds its place in the budget for the submission only. A lost
	//     answer (ClassUnknown) counts as asked: to ask twice is harmless, and how long the guest may take is the same. A guest
	//     that cannot be asked is a Failure with ReasonToolsUnavailable. While the operation is under way, PowerOff of the VM is
	//     accepted, and ends it once vCenter has taken that; if vCenter has not, it goes on. After operations.GuestTimeout it is
	//     over without a Failure. After a restart nobody knows of it: ask again.
	//  5. Destroy: a few VMs at a time are read live, and at once the destruction of those is submitted that are ours, below
	//     the root folder, switched off, connected, and without a foreign disk (see ForeignDisks). A VM that is refused gives
	//     its place back and has a Failure in the next snapshot.
	//  6. Reconfigure: the VM is read live, and refused as by Destroy unless it is ours, below the root folder, and connected.
	//     At once one call changes its size and the revision of its stamp (see Stamp.Revised), provided that nobody has changed
	//     the VM since it was read, and that no disk would have to shrink (see Resize.Refuse). Whether a VM that is on can be changed is vCenter's answer: a Failure with
	//     ReasonNotHotPluggable if not. The operation is under way until the snapshot shows what was asked for, or until that
	//     is overdue after the end of the task. A lost answer is a Failure, and leaves the operation in the snapshot until the
	//     adapter has read the VM.
	//  7. Of clones, an error that neither concerns one name (see ConcernsName) nor is a lost answer ends the batch. Of other
	//     kinds, an error of one request does not keep the others back. The batch fails with the first error, of destructions
	//     with the most severe.
	//  8. Limits of a class in a namespace (see ClassSpec.PerNamespace): a clone, or a Reconfigure that makes a VM larger, that would
	//     exceed one is ClassInvalid and LimitExceeded. Nothing is read or sent for it, it has no place in the budget, and that is no
	//     Failure. The same holds for a Shutdown or PowerOff that says by its Resize what the VM is switched off for; once it is
	//     taken, the VM keeps the room for some minutes. All VMs with the class and the namespace in their stamps count, on or
	//     off, and all that is under way. While clones are under way of which nobody knows whose they are, and which may be too
	//     many, it is ClassTransient. The adapter notifies the group once there may be room: a VM of the namespace has gone or has
	//     become smaller, a clone has failed, or the limits have changed. Whoever comes first takes it.
	//  9. Batches do not keep each other back, unless vCenter is unavailable. Start joins their errors, see Errors.
	Start(ctx context.Context, g GroupID, requests []Request) error

	// Cancel asks vCenter to cancel an operation. It is a hint: the operation goes on counting until its task has ended
	// and the inventory was looked at.
	Cancel(ctx context.Context, op Operation) error

	// RemoveFolder removes a folder of the group that a live listing shows to be empty, and nothing else; one that is
	// not empty is left (ClassConflict), one that is gone is a success. It may return ErrPending first; nil means that the
	// folder is proven gone.
	RemoveFolder(ctx context.Context, g GroupID, folder Ref) error

	// Associate says what a group wants of tags and cluster modules. It makes no call. Soon after, the adapter attaches the tags of its class to
	// its VMs, and keeps a cluster module for it in each cluster that has several of them, by which DRS places them on different hosts, or destroys
	// what there is, also what an earlier process has made. What comes of that is in the snapshot (NotApart, Released) and in the offer of the class
	// (TagErrs), and keeps nothing else back. A group of which nothing was said is left as it is.
	Associate(g GroupID, a Association)

	// Forget drops what is remembered of a group that exists no more.
	Forget(g GroupID)
}

// Notifier is told by an adapter that a group's snapshot may have changed. It must not block and may be called from any
// goroutine; to notify once too often is harmless.
type Notifier interface {
	// Notify wakes one group. Either UID or Namespace and Name may be empty.
	Notify(g GroupID)
	// NotifyAll wakes every group: vCenter is back, lost, or was read anew.
	NotifyAll()
}
