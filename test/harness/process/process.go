// Package process runs binaries of this repository as child processes that say when they are ready and cannot outlive
// their parent.
//
// Such a binary ends when its stdin does, which is a pipe whose other end only the parent holds: however the parent dies,
// SIGKILL included, the kernel closes it. When it is ready it prints one line.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Command says what to run and when it counts as started. All fields but Env and Stderr are needed.
type Command struct {
	Binary Binary
	Args   []string
	Env    []string  // NAME=value, besides what this process has
	Stderr io.Writer // gets a copy of what the process logs

	// Ready reads the first line that the process prints, without its end. An error means that it is not the line that a
	// ready process prints.
	Ready func(line string) error

	StartTimeout time.Duration // how long the process may take until it is ready
	StopTimeout  time.Duration // how long it may take to end before it is killed
}

// Process is a running process that was ready.
type Process struct {
	name        string
	cmd         *exec.Cmd
	stdin       io.Closer
	log         *Buffer
	stopTimeout time.Duration
	exited      chan struct{} // closed when the process has ended; err is set before that
	err         error
	stop        func() error
}

// Start runs the command and returns when it is ready; if it does not get there, nothing of it is left. The caller must
// Stop the process. ctx is for the start alone, because who is interrupted may still need the process to clean up.
func Start(ctx context.Context, c Command) (*Process, error) {
	path, err := c.Binary.find()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.StartTimeout)
	defer cancel()
	p := newProcess(path, c)
	line, err := p.start()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	if err := p.awaitReady(ctx, line, c.Ready); err != nil {
		return nil, p.explain("did not start", errors.Join(err, p.end()))
	}
	return p, nil
}

func newProcess(path string, c Command) *Process {
	p := &Process{
		name:        c.Binary.Name,
		cmd:         exec.Command(path, c.Args...),
		log:         &Buffer{limit: tailSize},
		stopTimeout: c.StopTimeout,
		exited:      make(chan struct{}),
	}
	p.stop = sync.OnceValue(func() error { return p.explain("did not end as it should", p.end()) })
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stderr = p.log
	if c.Stderr != nil {
		p.cmd.Stderr = io.MultiWriter(p.log, c.Stderr)
	}
	// A process group of its own: Ctrl-C in a terminal is for the parent alone, which may still need the process.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return p
}

// Path returns the path of the binary.
func (p *Process) Path() string { return p.cmd.Path }

// Stop ends the process and returns when it has ended. Calling it again, or concurrently, is harmless. It returns an
// error if the process failed, be it before, or had to be killed.
func (p *Process) Stop() error { return p.stop() }

// Kill ends the process as a power failure would, and returns when it has ended.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.exited
	return err
}

// start starts the process. The channel that it returns gets the first line, if there is one.
func (p *Process) start() (<-chan string, error) {
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line := make(chan string, 1) // with room for it, because nobody reads it after the deadline
	go p.watch(stdout, line)
	return line, nil
}

// watch hands on the first line and waits for the end of the process.
func (p *Process) watch(stdout io.Reader, line chan<- string) {
	defer close(p.exited)
	output := bufio.NewScanner(stdout)
	if output.Scan() {
		line <- output.Text()
	}
	// Wait must not be called before everything was read, and a process that nobody reads from would block.
	_, err := io.Copy(io.Discard, stdout)
	p.err = errors.Join(output.Err(), err, p.cmd.Wait())
}

func (p *Process) awaitReady(ctx context.Context, line <-chan string, ready func(string) error) error {
	select {
	case text := <-line:
		return ready(text)
	case <-p.exited:
		return errors.New("it ended before it was ready")
	case <-ctx.Done():
		return fmt.Errorf("it was not ready in time: %w", context.Cause(ctx))
	}
}

// end tells the process to end, waits, and returns what it ended with.
func (p *Process) end() error {
	_ = p.stdin.Close() // fails only if the process has ended already
	timer := time.NewTimer(p.stopTimeout)
	defer timer.Stop()
	select {
	case <-p.exited:
		return p.err
	case <-timer.C:
		return errors.Join(fmt.Errorf("it was killed because it did not end within %s", p.stopTimeout), p.Kill())
	}
}

// explain adds to an error the end of the log, which mostly has the cause.
func (p *Process) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w\n%s", p.name, what, err, strings.TrimSpace(p.log.String()))
}
