package vsphere

import (
	"fmt"
	"io"
)

// Secret is the contents of a Secret. It shows in no log, message or dump: however it is formatted or marshalled, there is a word in
// its place. Bytes alone returns it.
type Secret struct{ data []byte }

// NewSecret returns a Secret. The caller does not change data any more.
func NewSecret(data []byte) Secret { return Secret{data} }

// Bytes returns the contents.
func (s Secret) Bytes() []byte { return s.data }

const hidden = "[hidden]"

// Format writes a word in the place of the contents, whatever the verb is.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// String returns a word in the place of the contents.
func (s Secret) String() string { return hidden }

// MarshalText returns a word in the place of the contents.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
