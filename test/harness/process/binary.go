package process

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Binary is a program that this repository builds, as bin/Name.
type Binary struct {
	Name   string
	Path   string // the file, if the caller knows it
	Env    string // environment variable with the path of the file, an absolute one, for who keeps it elsewhere
	Target string // of make, which builds it
}

// find returns the path of the file, or an error that says how to get one.
func (b Binary) find() (string, error) {
	path := cmp.Or(b.Path, os.Getenv(b.Env))
	if path == "" {
		root, err := RepositoryRoot()
		if err != nil {
			return "", fmt.Errorf("find the %s binary: %w; or set %s", b.Name, err, b.Env)
		}
		path = filepath.Join(root, "bin", b.Name)
	}
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no %s binary: run make %s first, or set %s: %w", b.Name, b.Target, b.Env, err)
	}
	if err != nil {
		return "", fmt.Errorf("find the %s binary: %w", b.Name, err)
	}
	return path, nil
}

// RepositoryRoot returns the nearest directory with a go.mod: the working directory, which for a test is its package, or
// one above.
func RepositoryRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the root of the repository: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above: run this inside the repository", start)
		}
	}
}
