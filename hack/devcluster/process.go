package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// stopGrace is how long a component may take to stop before it is killed. What it would lose then is what it has not
	// answered yet: etcd writes its log before it answers.
	stopGrace = 2 * time.Second

	// logTailSize is how much of a log is shown when its component failed.
	logTailSize = 4 << 10
)

// process is a component that runs as a child process.
type process struct {
	name     string
	logFile  string
	cmd      *exec.Cmd
	lifeline io.Closer     // the write end of the child's stdin, see exitWithParent; containerd does not mind it
	exited   chan struct{} // closed when the process has ended; err is set before that
	err      error
}

// startProcess starts a command as the component name, in directory dir, with its output in dir/<name>.log.
func startProcess(dir, name string, command []string) (*process, error) {
	p := &process{name: name, logFile: filepath.Join(dir, name+".log"), exited: make(chan struct{})}
	log, err := os.Create(p.logFile)
	if err != nil {
		return nil, fmt.Errorf("create the log of %s: %w", name, err)
	}
	defer log.Close() // the child has its own descriptor

	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Dir = dir
	p.cmd.Stdout = log
	p.cmd.Stderr = log
	// A process group of its own, so that Ctrl-C reaches devcluster alone, which then stops the components in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.lifeline, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("make a pipe to %s: %w", name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// stop ends the process and returns when it is gone.
func (p *process) stop() {
	// Errors here only say that it is gone already.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	_ = p.lifeline.Close()
}

// failure describes why the process, which has exited, did so: its exit status and the end of its log.
func (p *process) failure() error {
	err := p.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended by itself: %w\n%s", p.name, err, p.logTail())
}

// logTail returns the last lines of the log, for a person to read.
func (p *process) logTail() string {
	tail, err := readTail(p.logFile, logTailSize)
	if err != nil {
		return fmt.Sprintf("(its log cannot be read: %v)", err)
	}
	return fmt.Sprintf("--- end of the log of %s ---\n%s", p.name, bytes.TrimSpace(tail))
}

// readTail returns the whole lines among the last size bytes of a file.
func readTail(path string, size int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	skip := max(info.Size()-size, 0)
	tail, err := io.ReadAll(io.NewSectionReader(f, skip, size))
	if err != nil {
		return nil, err
	}
	if skip > 0 {
		if _, rest, found := bytes.Cut(tail, []byte("\n")); found {
			tail = rest
		}
	}
	return tail, nil
}
