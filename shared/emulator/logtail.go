package emulator

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// tailBytes is enough for a Python traceback.
const tailBytes = 4096

// logTail keeps the end of what is written to it and hands everything on to next, if there is one.
type logTail struct {
	next io.Writer

	mu   sync.Mutex
	tail []byte
}

// Write never fails, so that a closed terminal can't block the emulator.
func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, p...)
	if over := len(l.tail) - tailBytes; over > 0 {
		l.tail = append(l.tail[:0], l.tail[over:]...)
	}
	if l.next != nil {
		_, _ = l.next.Write(p)
	}
	return len(p), nil
}

// String returns the last whole lines.
func (l *logTail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.tail
	if len(lines) == tailBytes {
		if _, after, found := bytes.Cut(lines, []byte("\n")); found {
			lines = after
		}
	}
	return strings.TrimSpace(string(lines))
}
