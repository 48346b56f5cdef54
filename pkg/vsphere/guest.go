package vsphere

import "strings"

// ReadyKey is the ExtraConfig key by which a guest says that it is ready, see SaysReady. It is below "guestinfo.", so that the
// guest can write it: it may decide whether the VM is ready, and nothing else.
const ReadyKey = "guestinfo.vmgroup.ready"

// SaysReady reports whether a value of ReadyKey says that the guest is ready: "true" in any case, with or without blanks around
// it. Scripts inside guests are not careful about either.
func SaysReady(value string) bool { return strings.EqualFold(strings.TrimSpace(value), "true") }
