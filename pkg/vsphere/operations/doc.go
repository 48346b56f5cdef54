// Package operations remembers the operations that an adapter has under way, the budgets that they share, their deadlines,
// and how they failed last. It makes no call and starts nothing: an adapter says what happens, and the package notifies the
// groups that are to look again.
//
// It is a room of its own because every adapter needs exactly this, and because fairness and deadlines are best proven
// without a vCenter. Absences, Sorted and Versions are here for the same reason: a disappearance of VMs, a list that is
// handed out, and the version of a snapshot mean the same to every adapter.
//
// # The life of an operation
//
//	                 Begin
//	                   │ takes a place in the budget
//	                   ▼
//	    Refused  ┌────────────┐  Refused: the answer of a clone or of
//	   Withdraw  │ submitting ├──a reconfiguration was lost───┐
//	AlreadyDone  └─────┬──────┘                               │
//	       ┌───────────┤ Submitted                            ▼
//	       │           ▼          Lost, Ended as    ┌───────────────┐
//	       │     ┌───────────┐    cancelled         │    unknown    │
//	       ├─────┤  running  ├─────────────────────▶│ somebody is   │
//	       │     └─────┬─────┘◀─────────────────────┤ to look       │
//	       │ Ended     │          Submitted: its    └───┬───────┬───┘
//	       │ Overdue   │          task was found        │       │
//	       │ Observed  │ Ended: its effect              │       │ Resolved,
//	       │           │ is to be seen                  │       │ NotFound,
//	       │           ▼                                │       │ Observed,
//	       │     ┌───────────┐   NotFound: it was       │       │ Overdue
//	       │     │ awaiting  │◀──cancelled, its VM may──┘       │
//	       │     └─────┬─────┘   come all the same              │
//	       │           │ Seen, Observed, Gone, Resolved,        │
//	       ▼           ▼ time passes                            │
//	     ┌───────────────┐                                      │
//	     │     done      │◀─────────────────────────────────────┘
//	     └───────────────┘
//
// An operation that has no task, a shutdown, takes another way:
//
//	submitting ──Accepted, or Refused: the answer was lost──▶ awaiting ──Observed, Gone, time passes,──▶ done
//	                                                                     or a power-off is Submitted
//
// It holds its place in the budget until it is awaiting or done; a clone that is overdue gives it back earlier. Reset takes
// every operation to done. The method move makes the transitions, and nobody else.
//
// # Words
//
// A VM has left when the view does not show it any more, which proves nothing, and it is gone when that is proven. A VM that a
// clone has made is seen; what any other operation brings about on its VM is observed. An operation is done. A failure is
// cleared by a success. A group that exists no more is forgotten. Reset is for another vCenter.
package operations
