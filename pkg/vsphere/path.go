package vsphere

import "strings"

// vCenter keeps a name escaped: a slash as %2f, a backslash as %5c, a percent sign as %25. Names cross the port as people
// write them; an adapter escapes what it sends and unescapes what comes back. In a path each name stays escaped, so that
// the slash in "a/b" does not part it: paths look as vCenter's own clients show them.

var (
	escaper   = strings.NewReplacer("%", "%25", "/", "%2f", `\`, "%5c")
	unescaper = strings.NewReplacer("%25", "%", "%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`)
)

// EscapeName returns a name in the form in which vCenter keeps it.
func EscapeName(name string) string { return escaper.Replace(name) }

// UnescapeName returns the name that vCenter keeps in a form. A percent sign that begins none of the three sequences stands
// for itself.
func UnescapeName(kept string) string { return unescaper.Replace(kept) }

// Path returns the whole inventory path of an object, whose names are given from the outermost on.
func Path(names ...string) string {
	var path strings.Builder
	for _, name := range names {
		path.WriteByte('/')
		path.WriteString(EscapeName(name))
	}
	return path.String()
}

// PathNames returns the names that a path consists of.
func PathNames(path string) []string {
	names := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for i, name := range names {
		names[i] = UnescapeName(name)
	}
	return names
}

// WholePath tells whether a path begins at the root of the inventory, and not in a folder that goes without saying.
func WholePath(path string) bool { return strings.HasPrefix(path, "/") }
