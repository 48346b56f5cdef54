// Package operations remembers what an adapter has asked of vCenter and not seen the end of: the operations in flight, the
// budget that they share, their deadlines, and how they failed last. It makes no call and starts nothing; an adapter
// tells it what happens, and it tells the adapter which group is to be woken.
//
// Absences, Sorted and Versions are of the same kind: what every adapter needs to know of VMs that disappear, to keep lists
// that it hands out, and to number its snapshots, without a vCenter.
//
// It is a room of its own because every adapter needs exactly this, and because fairness and deadlines are best proven
// without a vCenter.
package operations
