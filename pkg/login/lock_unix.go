//go:build unix

package login

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// fileLock is a lock on a file that is there only as long as the lock is.
type fileLock struct{ file *os.File }

// tryLock returns errLocked if another process has the lock.
func tryLock(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockNow(f, path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &fileLock{f}, nil
}

func lockNow(f *os.File, path string) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	// Who had it before has removed the file, and somebody else may have a new one by now.
	ours, err := f.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(ours, there) {
		return errLocked
	}
	return nil
}

func (l *fileLock) release() error { return errors.Join(os.Remove(l.file.Name()), l.file.Close()) }
