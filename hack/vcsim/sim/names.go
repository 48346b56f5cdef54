package sim

import (
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// vCenter keeps a slash, a backslash and a percent sign of a name escaped. A client need not escape the first two, and must
// escape a percent sign, unless it begins an escape sequence; it may escape any other character (API reference,
// CreateFolder). The stock simulator escapes all three, also what the client has escaped already: a name that is meant for
// it is decoded first.

// decoded is the name that a client means.
func decoded(name string) string {
	var out strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && i+2 < len(name) {
			if c, err := strconv.ParseUint(name[i+1:i+3], 16, 8); err == nil && c >= ' ' && c <= '~' {
				out.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		out.WriteByte(name[i])
	}
	return out.String()
}

// kept is the form in which vCenter keeps and shows the name that a client means.
func kept(name string) string {
	return strings.NewReplacer("%", "%25", "/", "%2f", `\`, "%5c").Replace(decoded(name))
}

// makeable is the name under which the stock simulator can make a virtual machine: it names disks after it, and can make no
// file with an escape sequence in its name. What has another name in the end is renamed.
func makeable(name string) string { return strings.ReplaceAll(kept(name), "%", "_") }

// nameChanges gives a virtual machine a name in the form in which it is kept.
func nameChanges(name string) []types.PropertyChange {
	var changes []types.PropertyChange
	for _, path := range []string{"name", "config.name", "summary.config.name"} {
		changes = append(changes, types.PropertyChange{Name: path, Val: name, Op: types.PropertyChangeOpAssign})
	}
	return changes
}

// withName returns a call of CreateFolder with another name.
func withName(m *simulator.Method, name string) *simulator.Method {
	call := *m
	body := *m.Body.(*types.CreateFolder)
	body.Name, call.Body = name, &body
	return &call
}
