package vsphere

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Usage is how much some VMs have together, whether they are on or off.
type Usage struct {
	VMs       int64
	CPU       int64 // vCPUs
	MemoryMiB int64
}

// Plus returns the sum of two usages.
func (u Usage) Plus(more Usage) Usage {
	return Usage{VMs: u.VMs + more.VMs, CPU: u.CPU + more.CPU, MemoryMiB: u.MemoryMiB + more.MemoryMiB}
}

// Minus returns the difference of two usages.
func (u Usage) Minus(less Usage) Usage {
	return Usage{VMs: u.VMs - less.VMs, CPU: u.CPU - less.CPU, MemoryMiB: u.MemoryMiB - less.MemoryMiB}
}

// Positive returns a usage without what is below 0.
func (u Usage) Positive() Usage {
	return Usage{VMs: max(0, u.VMs), CPU: max(0, u.CPU), MemoryMiB: max(0, u.MemoryMiB)}
}

// Usage returns how much a VM has.
func (vm VM) Usage() Usage { return Usage{VMs: 1, CPU: int64(vm.CPU), MemoryMiB: vm.MemoryMiB} }

// Usage returns how much the VM of a clone will have.
func (s *CloneSpec) Usage() Usage { return Usage{VMs: 1, CPU: int64(s.CPU), MemoryMiB: s.MemoryMiB} }

// Growth returns how much more a VM has after a reconfiguration than it has now: nothing of what gets less.
func (r Resize) Growth(now Usage) Usage {
	return Usage{VMs: now.VMs, CPU: int64(r.CPU), MemoryMiB: r.MemoryMiB}.Minus(now).Positive()
}

// CountsForLimits reports whether a VM with a stamp of an owner counts for the limits of a class: it is a group's, or is about to be
// (see Incomplete). A copy and a template do not.
func CountsForLimits(owner string, vm VM) bool {
	if vm.Stamp == nil || vm.Stamp.Owner != owner {
		return false
	}
	identity := Identify(owner, vm.Stamp.UID, vm)
	return identity == Ours || identity == Incomplete
}

// GroupUsage is how much the VMs of a group have that have the same stamp but for what tells VMs from each other.
type GroupUsage struct {
	UID       string
	Namespace string // empty if no stamp says it
	Name      string // of the group
	Class     string // empty if no stamp says it
	Zoned     bool   // a stamp names a zone, which only classes have
	Usage
}

// Tenancy is the namespace and the class of a group.
type Tenancy struct{ Namespace, Class string }

// BelongsTo reports whether VMs count for the limits of a class in a namespace. known is what is known of their group, ok whether
// anything is. In order:
//
//  1. their stamps say namespace and class: by these
//  2. their group is known: by what is known of it. Their stamps were written by an earlier controller, or cannot be read
//  3. they lie in another namespace, or their stamps name no zone: no. They were made where the flags of the controller say
//  4. whose they are cannot be told: yes, so that no limit is exceeded by them
func (u GroupUsage) BelongsTo(t Tenancy, known Tenancy, ok bool) bool {
	switch {
	case u.Namespace != "" && u.Class != "":
		return t == Tenancy{u.Namespace, u.Class}
	case ok:
		return t == known
	default:
		return u.Namespace == t.Namespace && u.Zoned
	}
}

// limited are the limits that there are, in the order in which they are checked.
var limited = []struct {
	limit func(NamespaceLimits) *int64
	of    func(Usage) int64
	text  func(n int64) string // a number with its unit
	short func(n int64) string // the same among others
}{
	{
		limit: func(l NamespaceLimits) *int64 { return l.VMs }, of: func(u Usage) int64 { return u.VMs },
		text: func(n int64) string { return plural(n, "VM") }, short: plain,
	},
	{
		limit: func(l NamespaceLimits) *int64 { return l.CPU }, of: func(u Usage) int64 { return u.CPU },
		text: func(n int64) string { return plural(n, "CPU") }, short: plain,
	},
	{
		limit: func(l NamespaceLimits) *int64 { return l.MemoryMiB }, of: func(u Usage) int64 { return u.MemoryMiB },
		text: func(n int64) string { return memory(n) + " of memory" }, short: memory,
	},
}

// Any reports whether there is any limit.
func (l NamespaceLimits) Any() bool { return l.VMs != nil || l.CPU != nil || l.MemoryMiB != nil }

// Same reports whether two limits allow the same.
func (l NamespaceLimits) Same(other NamespaceLimits) bool {
	for _, one := range limited {
		a, b := one.limit(l), one.limit(other)
		if (a == nil) != (b == nil) || a != nil && *a != *b {
			return false
		}
	}
	return true
}

// Refuse says why a class does not allow its groups in a namespace more than they have, nil if it does. used is how much each
// of them has, what is under way included. unknown is how many clones are under way of which nobody knows whose they are. reason
// is that of an error that a human has to act on. For each limit, in order, of which more is asked for:
//
//  1. what is there and what is asked for are more than it: ClassInvalid
//  2. they would be with the unknown clones, each a VM of a size that nobody knows: ClassTransient, until those have ended
func (l NamespaceLimits) Refuse(t Tenancy, used []GroupUsage, unknown int, more Usage, reason string) *Error {
	var waits *Error
	for _, one := range limited {
		limit, asked := one.limit(l), one.of(more)
		if limit == nil || asked <= 0 {
			continue
		}
		var have int64
		for _, group := range used {
			have += one.of(group.Usage)
		}
		allows := fmt.Sprintf("VmGroupClass %q allows %s in namespace %s", t.Class, one.text(*limit), t.Namespace)
		isVMs := one.of(Usage{VMs: 1}) == 1
		switch {
		case have+asked > *limit:
			there := fmt.Sprintf("and there are %d", have)
			if have == 1 {
				there = "and there is 1"
			}
			wants := ""
			if !isVMs {
				there = "and its VMs there have " + one.short(have)
				wants = fmt.Sprintf(", and %s more are asked for", one.short(asked))
			}
			largest, advice := mostOf(used, one.of, one.short), "scale one of them down, or ask"
			if largest == "" {
				advice = "ask"
			}
			return &Error{Class: ClassInvalid, Reason: reason, Message: fmt.Sprintf(
				"%s, %s%s%s: %s an administrator.", allows, there, largest, wants, advice)}
		case unknown > 0 && waits == nil && (!isVMs || have+asked+int64(unknown) > *limit):
			waits = &Error{Class: ClassTransient, Reason: ReasonWaitingForClones, Message: fmt.Sprintf(
				"%s, and %s: waiting for the end of that.", allows, unknownClones(unknown))}
		}
	}
	return waits
}

// mostNamed is how many groups a refusal names.
const mostNamed = 3

// mostOf names the groups that have the most, with their numbers, in parentheses. It is empty if none has any.
func mostOf(used []GroupUsage, of func(Usage) int64, short func(int64) string) string {
	byName := map[string]int64{}
	for _, group := range used {
		byName[group.Name] += of(group.Usage)
	}
	var names []string
	for name, n := range byName {
		if n > 0 && name != "" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(byName[b], byName[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, name := range names[:min(mostNamed, len(names))] {
		parts = append(parts, name+" "+short(byName[name]))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func unknownClones(n int) string {
	if n == 1 {
		return "a clone is under way of which nobody knows whose it is"
	}
	return fmt.Sprintf("%d clones are under way of which nobody knows whose they are", n)
}

func plural(n int64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

func plain(n int64) string { return fmt.Sprint(n) }

func memory(mib int64) string {
	if mib%1024 == 0 {
		return fmt.Sprintf("%d GiB", mib/1024)
	}
	return fmt.Sprintf("%d MiB", mib)
}
