package options

import (
	"errors"
	"flag"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is typed into a ConfigMap, a Secret or a file often ends in a line break that nobody meant. What cannot be meant is
// taken off:
//
//  1. of a word, such as a host, a port or a user name: blanks around it
//  2. of a line, such as a name in vCenter or the path of a file: line breaks around it; it may begin and end with a space
//  3. of a secret: one line break at its end; any other blank may be a part of it
//
// In each of them, whatever is not one line of text after that is refused, with the name of the flag, variable or file.

func word(s string) string { return strings.TrimSpace(s) }

func line(s string) string { return strings.Trim(s, "\r\n") }

func secret(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") }

// isOneLine is false for text with a line break, another control character, a byte order mark, or what is no UTF-8. None of
// these can be typed where vCenter asks for a name or a password, and so each would cost a refused login.
func isOneLine(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '\t' && unicode.IsControl(r) || r == '\ufeff' || r == utf8.RuneError
	})
}

// isHost accepts an IP address and whatever may be a name in DNS.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Digit) && !strings.ContainsRune("-._", r)
	})
}

// words are the flags that take a word. The others that take text take a line.
var words = map[string]bool{
	"master": true, "namespace": true, "n": true, "owner-id": true, "vcenter-thumbprint": true,
	"leader-elect-resource-name": true, "leader-elect-resource-namespace": true,
	"metrics-addr": true, "health-addr": true, "logging-format": true,
}

// CleanText has every flag of fs that takes text, and is registered by now, take a word or a line. The other flags refuse
// blanks by themselves.
func CleanText(fs *flag.FlagSet) {
	fs.VisitAll(func(f *flag.Flag) {
		getter, ok := f.Value.(flag.Getter)
		if !ok {
			return
		}
		if _, ok := getter.Get().(string); !ok {
			return
		}
		clean := line
		if words[f.Name] {
			clean = word
		}
		f.Value = &text{f.Value, clean}
	})
}

// text is the value of a flag.
type text struct {
	flag.Value
	clean func(string) string
}

// Set implements flag.Value.
func (t *text) Set(s string) error {
	s = t.clean(s)
	if !isOneLine(s) {
		return errors.New("want one line of text")
	}
	return t.Value.Set(s)
}

// String implements flag.Value. Package flag calls it on the zero value too.
func (t *text) String() string {
	if t.Value == nil {
		return ""
	}
	return t.Value.String()
}
