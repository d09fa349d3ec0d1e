package emulator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrLocked says that another process holds a lock file.
var ErrLocked = errors.New("another process holds the lock")

// lockPoll is how often a waiting process looks whether the lock is free.
const lockPoll = 200 * time.Millisecond

// TryLock takes the lock file at path for this process, or returns [ErrLocked] at once. Closing the file gives the lock
// back. So does the end of its holder, however it ends: the file stays, and that it is there says nothing.
func TryLock(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = ErrLocked
	}
	_ = file.Close()
	return nil, err
}

// Lock is TryLock that waits for whoever holds the lock; waiting is called once if it must.
func Lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for try := 0; ; try++ {
		file, err := TryLock(path)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, ErrLocked) {
			return nil, err
		}
		if try == 0 {
			waiting()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
