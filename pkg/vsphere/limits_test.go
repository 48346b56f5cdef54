package vsphere

import (
	"testing"
)

func TestRefuse(t *testing.T) {
	gold := Tenancy{Namespace: "shop", Class: "gold"}
	used := []GroupUsage{
		{UID: "1", Name: "web", Usage: Usage{VMs: 6, CPU: 12, MemoryMiB: 6 * 1024}},
		{UID: "2", Name: "pg", Usage: Usage{VMs: 2, CPU: 16, MemoryMiB: 2 * 8192}},
		{UID: "3", Name: "ci", Usage: Usage{VMs: 1, CPU: 1, MemoryMiB: 512}},
		{UID: "4", Name: "cron", Usage: Usage{VMs: 1, CPU: 1, MemoryMiB: 512}},
		{UID: "5", Name: "pg", Usage: Usage{VMs: 1, CPU: 1, MemoryMiB: 1024}}, // another of that name, and what is under way
	} // 11 VMs, 31 CPUs, 24 GiB
	one := Usage{VMs: 1, CPU: 2, MemoryMiB: 1024}
	limit := func(n int64) *int64 { return &n }
	for name, tt := range map[string]struct {
		limits  NamespaceLimits
		used    []GroupUsage
		unknown int
		more    Usage
		class   Class
		want    string
	}{
		"no limit": {NamespaceLimits{}, used, 9, one, "", ""},
		"there is": {NamespaceLimits{VMs: limit(12), CPU: limit(33), MemoryMiB: limit(25 * 1024)}, used, 0, one, "", ""},
		"1: VMs": {NamespaceLimits{VMs: limit(11)}, used, 0, one, ClassInvalid,
			`VmGroupClass "gold" allows 11 VMs in namespace shop, and there are 11 (web 6, pg 3, ci 1): scale one of them down, or ask an administrator.`},
		"1: CPUs": {NamespaceLimits{VMs: limit(12), CPU: limit(32)}, used, 0, one, ClassInvalid,
			`VmGroupClass "gold" allows 32 CPUs in namespace shop, and its VMs there have 31 (pg 17, web 12, ci 1), and 2 more are asked for: scale one of them down, or ask an administrator.`},
		"1: memory": {NamespaceLimits{MemoryMiB: limit(24*1024 + 512)}, used, 0, one, ClassInvalid,
			`VmGroupClass "gold" allows 25088 MiB of memory in namespace shop, and its VMs there have 24 GiB (pg 17 GiB, web 6 GiB, ci 512 MiB), and 1 GiB more are asked for: scale one of them down, or ask an administrator.`},
		"1: nothing is allowed": {NamespaceLimits{VMs: limit(0)}, nil, 0, one, ClassInvalid,
			`VmGroupClass "gold" allows 0 VMs in namespace shop, and there are 0: ask an administrator.`},
		"1: one": {NamespaceLimits{VMs: limit(1)}, used[2:3], 0, one, ClassInvalid,
			`VmGroupClass "gold" allows 1 VM in namespace shop, and there is 1 (ci 1): scale one of them down, or ask an administrator.`},
		"1: more than a limit that was lowered":   {NamespaceLimits{VMs: limit(2)}, used[:1], 0, one, ClassInvalid, `VmGroupClass "gold" allows 2 VMs in namespace shop, and there are 6 (web 6): scale one of them down, or ask an administrator.`},
		"what is not asked for is not checked":    {NamespaceLimits{VMs: limit(1), CPU: limit(40), MemoryMiB: limit(1)}, used, 0, Usage{CPU: 2}, "", ""},
		"1: growth":                               {NamespaceLimits{CPU: limit(32)}, used[1:2], 0, Usage{CPU: 17}, ClassInvalid, `VmGroupClass "gold" allows 32 CPUs in namespace shop, and its VMs there have 16 (pg 16), and 17 more are asked for: scale one of them down, or ask an administrator.`},
		"2: there is room with the unknown":       {NamespaceLimits{VMs: limit(14)}, used, 2, one, "", ""},
		"2: there may be none with the unknown":   {NamespaceLimits{VMs: limit(13)}, used, 2, one, ClassTransient, `VmGroupClass "gold" allows 13 VMs in namespace shop, and 2 clones are under way of which nobody knows whose they are: waiting for the end of that.`},
		"2: of CPUs nobody knows":                 {NamespaceLimits{CPU: limit(1000)}, used, 1, one, ClassTransient, `VmGroupClass "gold" allows 1000 CPUs in namespace shop, and a clone is under way of which nobody knows whose it is: waiting for the end of that.`},
		"1 comes before 2, also of another limit": {NamespaceLimits{VMs: limit(12), MemoryMiB: limit(1024)}, used[2:3], 20, one, ClassInvalid, `VmGroupClass "gold" allows 1 GiB of memory in namespace shop, and its VMs there have 512 MiB (ci 512 MiB), and 1 GiB more are asked for: scale one of them down, or ask an administrator.`},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.limits.Refuse(gold, tt.used, tt.unknown, tt.more, "Limit")
			switch {
			case tt.class == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.class == "":
			case err == nil || err.Class != tt.class || err.Message != tt.want:
				t.Errorf("got  %+v\nwant %s %s", err, tt.class, tt.want)
			}
		})
	}
}

func TestBelongsTo(t *testing.T) {
	gold := Tenancy{Namespace: "shop", Class: "gold"}
	for name, tt := range map[string]struct {
		group GroupUsage
		known *Tenancy
		want  bool
	}{
		"1: by its stamps":                          {GroupUsage{Namespace: "shop", Class: "gold"}, nil, true},
		"1: whatever is known":                      {GroupUsage{Namespace: "shop", Class: "gold"}, &Tenancy{"shop", ""}, true},
		"1: another class":                          {GroupUsage{Namespace: "shop", Class: "silver"}, nil, false},
		"1: another namespace":                      {GroupUsage{Namespace: "ci", Class: "gold"}, nil, false},
		"2: an earlier controller, a group we know": {GroupUsage{Namespace: "shop", Zoned: true}, &gold, true},
		"2: of another class":                       {GroupUsage{Namespace: "shop", Zoned: true}, &Tenancy{"shop", "silver"}, false},
		"2: nothing shows":                          {GroupUsage{}, &gold, true},
		"3: by the flags":                           {GroupUsage{Namespace: "shop"}, nil, false},
		"3: nothing is known":                       {GroupUsage{}, nil, false},
		"3: another namespace, of a class":          {GroupUsage{Namespace: "ci", Zoned: true}, nil, false},
		"4: of a class, and nobody knows which":     {GroupUsage{Namespace: "shop", Zoned: true}, nil, true},
	} {
		var known Tenancy
		if tt.known != nil {
			known = *tt.known
		}
		if got := tt.group.BelongsTo(gold, known, tt.known != nil); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestCountsForLimits(t *testing.T) {
	stamp := &Stamp{Owner: "me", UID: "u", Instance: "i"}
	ours := VM{Name: "web-0", Configured: true, InstanceUUID: "i", Stamp: stamp}
	for name, tt := range map[string]struct {
		change func(*VM)
		want   bool
	}{
		"ours":            {func(*VM) {}, true},
		"off":             {func(vm *VM) { vm.Power = PoweredOff }, true},
		"incomplete":      {func(vm *VM) { vm.InstanceUUID = "" }, true},
		"a copy":          {func(vm *VM) { vm.InstanceUUID = "another" }, false},
		"a template":      {func(vm *VM) { vm.Template = true }, false},
		"somebody else's": {func(vm *VM) { vm.Stamp = &Stamp{Owner: "you", UID: "u", Instance: "i"} }, false},
		"without a stamp": {func(vm *VM) { vm.Stamp = nil }, false},
	} {
		vm := ours
		tt.change(&vm)
		if got := CountsForLimits("me", vm); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A stamp says the class that a clone was made by, and nothing of it where there is none.
func TestStampOfAClass(t *testing.T) {
	spec := CloneSpec{VMSpec: &VMSpec{}, Place: Place{Class: "gold", Zone: "a"}}
	if got := spec.Stamp("me", GroupID{UID: "u"}, nil, "i"); got.Class != "gold" || got.Zone != "a" {
		t.Errorf("the stamp is %s", got)
	}
}
