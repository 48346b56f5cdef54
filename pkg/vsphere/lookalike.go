package vsphere

import (
	"cmp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// lookalikes are the ways in which two names differ that people take for the same.
var lookalikes = []struct {
	what   string
	remove func(string) string // what tells them apart
}{
	{"blanks or invisible characters", func(s string) string { return strings.Join(strings.Fields(visible(s)), " ") }},
	{"how its characters are put together in Unicode", norm.NFKC.String},
	{"upper and lower case", func(s string) string { return strings.ToLower(strings.ToUpper(s)) }},
}

// LooksLike says in what two names, or paths, differ that people may take for the same, though vCenter does not: in blanks
// (at an end, doubled, or of another kind), in characters that cannot be seen, in Unicode normalisation (what comes from a Mac
// is often NFD), in upper and lower case. It returns "" for names that are the same, and for those that differ in anything else. Show such names with %+q:
// otherwise nobody sees the difference.
func LooksLike(a, b string) string {
	if a == b || stripped(a, -1) != stripped(b, -1) {
		return ""
	}
	var in []string
	for i, l := range lookalikes {
		if stripped(a, i) != stripped(b, i) {
			in = append(in, l.what)
		}
	}
	for i := 0; len(in) == 0 && i < len(lookalikes); i++ { // any one of several will do, as for the Kelvin sign and a K
		if remove := lookalikes[i].remove; remove(a) == remove(b) {
			in = append(in, lookalikes[i].what)
		}
	}
	return cmp.Or(strings.Join(in, ", and in "), "characters that look the same")
}

// visible drops what takes no place on the screen, such as a zero width space or a byte order mark.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

// stripped removes what tells lookalikes apart, in each part of a path, but for one of the ways.
func stripped(path string, except int) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		for j, l := range lookalikes {
			if j != except {
				parts[i] = l.remove(parts[i])
			}
		}
	}
	return strings.Join(parts, "/")
}
