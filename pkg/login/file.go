package login

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// askLockEvery is how often it is looked whether somebody else has come to the end of his attempt.
const askLockEvery = 20 * time.Millisecond

// fileStore keeps the record in a file, which all processes of a user share. Whoever makes an attempt holds a lock from its
// beginning to its end; the next waits, and then knows what came of it. The lock goes with the process, however that ends.
type fileStore struct {
	path string
	lock *fileLock // ours, between begin and end
}

// errLocked means that another process holds the lock.
var errLocked = errors.New("another process is logging in to this vCenter")

// newFileStore names the file after the vCenter's address. Two that get the same name have one record: then there are fewer
// attempts.
func newFileStore(dir, vCenter string) *fileStore {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(vCenter))
	return &fileStore{path: filepath.Join(dir, name+".json")}
}

func (s *fileStore) String() string { return s.path }

func (s *fileStore) begin(ctx context.Context, change func(string) (string, error)) error {
	wrote, err := s.tryBegin(ctx, change)
	if !wrote && s.lock != nil {
		err = errors.Join(err, s.unlock())
	}
	if err != nil {
		return fmt.Errorf("write down a login in %s before it is tried: %w", s, err)
	}
	return nil
}

func (s *fileStore) tryBegin(ctx context.Context, change func(string) (string, error)) (wrote bool, err error) {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return false, err
	}
	if s.lock, err = awaitLock(ctx, s.path+".lock"); err != nil {
		return false, err
	}
	return s.rewrite(change)
}

func (s *fileStore) end(_ context.Context, change func(string) (string, error)) error {
	_, err := s.rewrite(change)
	if err = errors.Join(err, s.tidy(), s.unlock()); err != nil {
		return fmt.Errorf("write down in %s what came of a login: %w", s, err)
	}
	return nil
}

// rewrite puts what change makes of the record in its place, whole or not at all. The lock is ours.
func (s *fileStore) rewrite(change func(string) (string, error)) (wrote bool, err error) {
	old, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	text, err := change(string(old))
	if err != nil || text == "" {
		return false, err
	}
	if err := os.WriteFile(s.path+".new", []byte(text), 0o600); err != nil {
		return false, err
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return false, err
	}
	return true, nil
}

// tidy removes a record that holds back nothing. The lock is ours.
func (s *fileStore) tidy() error {
	text, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	if r, err := readRecord(string(text)); err == nil && r.holdsBack() {
		return nil
	}
	return os.Remove(s.path)
}

func (s *fileStore) unlock() error {
	lock := s.lock
	s.lock = nil
	return lock.release()
}

// awaitLock waits until the lock is ours.
func awaitLock(ctx context.Context, path string) (*fileLock, error) {
	tick := time.NewTicker(askLockEvery)
	defer tick.Stop()
	for {
		lock, err := tryLock(path)
		if !errors.Is(err, errLocked) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w; try again when it is done (%s): %w", err, path, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
