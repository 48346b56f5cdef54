package plan

import (
	"strings"
	"testing"
)

func TestSlotOfName(t *testing.T) {
	tests := map[string]struct {
		name string
		slot int
		ok   bool
	}{
		"the first slot":                     {"web-0d1f2-0", 0, true},
		"more than one digit":                {"web-0d1f2-120", 120, true},
		"another case is the same name":      {"WEB-0D1F2-7", 7, true},
		"another group":                      {"db-0d1f2-0", 0, false},
		"a group whose name begins alike":    {"web-2-0d1f2-0", 0, false},
		"a predecessor of the same name":     {"web-99999-0", 0, false},
		"leading zero":                       {"web-0d1f2-01", 0, false},
		"plus sign":                          {"web-0d1f2-+1", 0, false},
		"negative":                           {"web-0d1f2--1", 0, false},
		"no slot":                            {"web-0d1f2-", 0, false},
		"something behind":                   {"web-0d1f2-1-old", 0, false},
		"more digits than a number can have": {"web-0d1f2-99999999999999999999", 0, false},
		"no name":                            {"", 0, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if slot, ok := newSlotNames("web", testUID).slot(tc.name); slot != tc.slot || ok != tc.ok {
				t.Errorf("slot(%q) = %d, %v, want %d, %v", tc.name, slot, ok, tc.slot, tc.ok)
			}
		})
	}
}

func FuzzSlotOfName(f *testing.F) {
	for _, name := range []string{"web-0d1f2-0", "WEB-0d1f2-17", "web-0d1f2-007", "web", "\u212a-0d1f2-1"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		slot, ok := newSlotNames("web", testUID).slot(name)
		if ok && !strings.EqualFold(VMName("web", testUID, slot), name) {
			t.Errorf("slot(%q) = %d, whose name is %q", name, slot, VMName("web", testUID, slot))
		}
	})
}

func FuzzVMName(f *testing.F) {
	f.Add("web", "0d1f2a3b-0000-4000-8000-000000000001", 0, "web", "0d1f2a3b-0000-4000-8000-000000000001", 1)
	f.Add("web", "0d1f2a3b-0000-4000-8000-000000000001", 0, "web-0d1f2", "0aaaaaaa-0000-4000-8000-000000000001", 0)
	f.Add("web.0d1f2-0", "0d1f2a3b-0000-4000-8000-000000000001", 0, "web.0d1f2", "00000000-0000-4000-8000-000000000001", 0)
	f.Add(strings.Repeat("a", 63), "0d1f2a3b-0000-4000-8000-000000000001", 999_999_999, "b", "1", 0)
	f.Fuzz(func(t *testing.T, group, uid string, slot int, group2, uid2 string, slot2 int) {
		if !validName(group, slot) || !validName(group2, slot2) {
			t.Skip()
		}
		name, name2 := VMName(group, uid, slot), VMName(group2, uid2, slot2)
		if len(name) > 79 {
			t.Errorf("%q has %d characters", name, len(name))
		}
		if got, ok := newSlotNames(group, uid).slot(name); !ok || got != slot {
			t.Errorf("slot(%q) = %d, %v, want %d", name, got, ok, slot)
		}
		short := func(uid string) string { return strings.TrimPrefix(newSlotNames("", uid).prefix, "-") }
		if name == name2 && (group != group2 || short(uid) != short(uid2) || slot != slot2) {
			t.Errorf("%q stands for %q, %q, %d and for %q, %q, %d", name, group, uid, slot, group2, uid2, slot2)
		}
	})
}

// validName is true for what the API allows as the name of a group, and a slot that can be.
func validName(group string, slot int) bool {
	valid := func(r rune) bool { return r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' }
	return group != "" && len(group) <= 63 && slot >= 0 && slot < 1_000_000_000 &&
		strings.IndexFunc(group, func(r rune) bool { return !valid(r) }) < 0
}
