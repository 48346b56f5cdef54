package login

import (
	"errors"
	"fmt"
	"syscall"
)

// fileLock is a file that nobody else can open, and that is gone when it is closed.
type fileLock struct{ handle syscall.Handle }

const (
	fileFlagDeleteOnClose = 0x04000000
	errorSharingViolation = syscall.Errno(32)
)

// tryLock returns errLocked if another process has the lock.
func tryLock(path string) (*fileLock, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	const nobodyElse = 0
	handle, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, nobodyElse, nil, syscall.OPEN_ALWAYS,
		syscall.FILE_ATTRIBUTE_NORMAL|fileFlagDeleteOnClose, 0)
	// Access is denied for the moment in which it is being deleted, too.
	if errors.Is(err, errorSharingViolation) || errors.Is(err, syscall.ERROR_ACCESS_DENIED) {
		return nil, fmt.Errorf("%w: %w", errLocked, err)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &fileLock{handle}, nil
}

func (l *fileLock) release() error { return syscall.CloseHandle(l.handle) }
