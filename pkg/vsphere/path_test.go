package vsphere

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamesAreEscapedOnce(t *testing.T) {
	for name, kept := range map[string]string{
		"web":    "web",
		"a/b":    "a%2fb",
		`a\b`:    "a%5cb",
		"100%":   "100%25",
		"%%":     "%25%25",
		"a%2fb":  "a%252fb",
		"%25":    "%2525",
		"a%41":   "a%2541",
		"a+b c":  "a+b c",
		"größe…": "größe…",
		"":       "",
	} {
		if got := EscapeName(name); got != kept {
			t.Errorf("EscapeName(%q) = %q, want %q", name, got, kept)
		}
		if got := UnescapeName(kept); got != name {
			t.Errorf("UnescapeName(%q) = %q, want %q", kept, got, name)
		}
	}
	for kept, name := range map[string]string{"a%2Fb": "a/b", "a%5Cb": `a\b`, "100%": "100%", "a%41": "a%41", "%": "%", "%2": "%2"} {
		if got := UnescapeName(kept); got != name {
			t.Errorf("UnescapeName(%q) = %q, want %q", kept, got, name)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string][]string{
		"/DC0/vm/web":      {"DC0", "vm", "web"},
		"//DC0/vm//a%2fb/": {"DC0", "vm", "a/b"},
		"100%/a%5cb":       {"100%", `a\b`},
		"a%252fb":          {"a%2fb"},
		"/":                {},
		"":                 {},
	} {
		if diff := cmp.Diff(want, PathNames(path)); diff != "" {
			t.Errorf("PathNames(%q): %s", path, diff)
		}
	}
	for want, names := range map[string][]string{"/DC0/a%2fb/c%25": {"DC0", "a/b", "c%"}, "": nil} {
		if got := Path(names...); got != want {
			t.Errorf("Path(%q) = %q, want %q", names, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{"a/b", "%2f", "%25", "%%2", `\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if got := UnescapeName(EscapeName(name)); got != name {
			t.Errorf("%q comes back as %q", name, got)
		}
		if name == "" {
			return
		}
		if got := PathNames(Path("DC0", name)); len(got) != 2 || got[1] != name {
			t.Errorf("%q comes back from a path as %q", name, got)
		}
	})
}
