package process

import (
	"bytes"
	"sync"
)

// tailSize is enough for the last words of a process and not too much for an error message.
const tailSize = 16 << 10

// Buffer is a bytes.Buffer for many goroutines. With a limit it keeps the end of what is written to it.
type Buffer struct {
	limit int // 0: none
	mu    sync.Mutex
	buf   bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Write(p)
	if b.limit > 0 {
		b.buf.Next(max(b.buf.Len()-b.limit, 0))
	}
	return len(p), nil
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
