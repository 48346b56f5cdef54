package faults

import (
	"bufio"
	"fmt"
	"os"
	"sync"
)

// doneList remembers which plans have passed, in a file, so that a round that was stopped can be taken up again.
type doneList struct {
	mu    sync.Mutex
	names map[string]bool
	file  *os.File // nil: nothing is remembered
}

func openDoneList(path string) (*doneList, error) {
	d := &doneList{names: map[string]bool{}}
	if path == "" {
		return d, nil
	}
	var err error
	if d.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
		return nil, fmt.Errorf("open the list of plans that have passed: %w", err)
	}
	lines := bufio.NewScanner(d.file)
	for lines.Scan() {
		d.names[lines.Text()] = true
	}
	return d, lines.Err()
}

func (d *doneList) has(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[name]
}

func (d *doneList) add(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names[name] = true
	if d.file == nil {
		return nil
	}
	_, err := fmt.Fprintln(d.file, name)
	return err
}

func (d *doneList) close() error {
	if d.file == nil {
		return nil
	}
	return d.file.Close()
}
