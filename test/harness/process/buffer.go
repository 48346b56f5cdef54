package process

import (
	"bytes"
	"strings"
	"sync"
)

// tailSize is enough for the last words of a process and not too much for an error message.
const tailSize = 16 << 10

// tail is an io.Writer that keeps the end of what is written to it. It is read while the process may still write.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	t.buf.Next(max(t.buf.Len()-tailSize, 0))
	return len(p), nil
}

// String returns the end.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.buf.String())
}
