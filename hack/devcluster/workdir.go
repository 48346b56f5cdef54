package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	tempDirPrefix = "devcluster-"
	lockFile      = "lock"

	// abandonedAfter keeps the sweep of temporary directories away from one whose owner is just about to lock it.
	abandonedAfter = time.Minute
)

// workDir is the directory of one running control plane: keys, data, logs, sockets. It is made for its owner's eyes only,
// which is all the protection etcd gets. It is locked as long as it is in use, so that two never share one.
type workDir struct {
	path      string
	lock      *os.File
	temporary bool
}

// openWorkDir makes and locks path, or a temporary directory if path is empty.
func openWorkDir(path string) (*workDir, error) {
	d := &workDir{path: path, temporary: path == ""}
	var err error
	if d.temporary {
		removeAbandoned(os.TempDir())
		if d.path, err = os.MkdirTemp("", tempDirPrefix); err != nil {
			return nil, fmt.Errorf("make a temporary directory: %w", err)
		}
	} else if err = os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for the cluster, choose another one with -dir: %w", err)
	}
	d.lock, err = lockDir(d.path, os.O_CREATE)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("another devcluster runs in %s: stop it, or choose another directory with -dir", d.path)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the directory for the cluster: %w", err)
	}
	return d, nil
}

// close unlocks the directory, and removes it if it was made for this run only.
func (d *workDir) close() error {
	var err error
	if d.temporary {
		if err = os.RemoveAll(d.path); err != nil {
			err = fmt.Errorf("remove the temporary directory, remove it by hand: %w", err)
		}
	}
	return errors.Join(err, d.lock.Close())
}

// lockDir locks dir without waiting. The kernel drops the lock when the process ends, in whatever way.
func lockDir(dir string, flag int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// removeAbandoned removes temporary directories whose owner was killed before it could. A cluster has more than 64 MB of
// files, and test runs get killed. Errors do not matter: what cannot be removed now is for the next run.
func removeAbandoned(tempDir string) {
	dirs, err := filepath.Glob(filepath.Join(tempDir, tempDirPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		info, err := os.Stat(filepath.Join(dir, lockFile))
		if err != nil || time.Since(info.ModTime()) < abandonedAfter {
			continue
		}
		lock, err := lockDir(dir, 0)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
}
