package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/test/harness/devcluster"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// The templates of the simulator. The example names the first.
const (
	template       = "kopf-vm-template"
	newTemplate    = "kopf-vm-template-v2"
	brokenTemplate = "kopf-vm-template-v3"
)

// environment is a control plane, a simulator, and, once it is started, the controller.
type environment struct {
	dir        string
	classes    bool // two clusters, and a template folder
	cluster    *devcluster.Cluster
	vcenter    *vcsim.Process
	vars       []string // what a second terminal needs
	template   string   // that the group names
	controller *exec.Cmd
	exited     chan error
}

// start starts all but the controller. Whatever comes of it, stop is to be called.
func (e *environment) start(ctx context.Context) (err error) {
	if e.dir, err = os.MkdirTemp("", "vmgroup-demo-"); err != nil {
		return err
	}
	if e.cluster, err = devcluster.Start(ctx, devcluster.Options{}); err != nil {
		return err
	}
	o := vcsim.Options{Templates: []string{template, newTemplate, brokenTemplate}, CloneDelay: time.Second}
	if e.classes {
		o.Clusters, o.TemplateFolder = 2, "templates"
	}
	if e.vcenter, err = vcsim.Start(ctx, o); err != nil {
		return err
	}
	e.template = template
	if err := e.vcenter.Control.SetUsualGuest(ctx, control.Guest{Tools: true, CloudInit: true}); err != nil {
		return err
	}
	u, err := url.Parse(e.vcenter.URL)
	if err != nil {
		return fmt.Errorf("the simulator's URL: %w", err)
	}
	e.vars = []string{
		"KUBECONFIG=" + e.cluster.Kubeconfig(),
		"VCSIM_CONTROL=" + e.vcenter.ControlURL,
		"VC_HOST=" + u.Hostname(),
		"VC_PORT=" + u.Port(),
		"VC_USER=" + e.vcenter.Username,
		"VC_PASS=" + e.vcenter.Password,
		"GOVC_TLS_CA_CERTS=" + e.vcenter.CAFile,
	}
	return nil
}

// environ is the environment of what is run here: nothing in it leads to another vCenter.
func (e *environment) environ() []string {
	env := slices.DeleteFunc(os.Environ(), leadsToVCenter)
	env = append(env, "PATH=bin"+string(os.PathListSeparator)+os.Getenv("PATH")) // for the plugin of kubectl
	return append(env, e.vars...)
}

// leadsToVCenter reports whether a variable of the environment is one by which a vCenter is found.
func leadsToVCenter(variable string) bool {
	return strings.HasPrefix(variable, "VC_") || strings.HasPrefix(variable, "GOVC_")
}

// startController starts the controller as a user would, with its log in a file.
func (e *environment) startController() error {
	args := []string{
		"-kubeconfig", e.cluster.Kubeconfig(), "-vcenter-ca-file", e.vcenter.CAFile,
		"-metrics-addr", "127.0.0.1:0", "-health-addr", "127.0.0.1:0", "-v", "2",
	}
	say("VC_HOST=… VC_PORT=… VC_USER=… VC_PASS=… bin/vmgroup-controller %s &", strings.Join(args, " "))
	log, err := os.Create(e.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	e.controller = exec.Command("bin/vmgroup-controller", args...)
	e.controller.Env = e.environ()
	e.controller.Stdout, e.controller.Stderr = log, log
	// A process group of its own: Ctrl-C is for the demo, which stops what it has started in the right order.
	e.controller.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := e.controller.Start(); err != nil {
		return fmt.Errorf("start the controller: %w", err)
	}
	e.exited = make(chan error, 1)
	go func() { e.exited <- e.controller.Wait() }()
	return nil
}

// stopController sends it SIGTERM, as Kubernetes would, and waits.
func (e *environment) stopController() error {
	if e.controller == nil {
		return nil
	}
	defer func() { e.controller = nil }()
	if err := e.controller.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the controller: %w", err)
	}
	select {
	case err := <-e.exited:
		// Signals kill a process that has just been started and does not handle them yet.
		if err != nil && !killedBy(err, syscall.SIGTERM, syscall.SIGINT) {
			return fmt.Errorf("the controller ended: %w", err)
		}
		return nil
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the controller did not stop within 20 s"), e.controller.Process.Kill())
	}
}

// killController ends it without a warning.
func (e *environment) killController() error {
	if err := e.controller.Process.Kill(); err != nil {
		return fmt.Errorf("kill the controller: %w", err)
	}
	err := <-e.exited
	e.controller = nil
	if err == nil {
		return errors.New("the controller had ended by itself before it was killed")
	}
	return nil
}

func (e *environment) logFile() string { return filepath.Join(e.dir, "controller.log") }

// controllerLog returns the end of the controller's log as an error, to be shown with what went wrong.
func (e *environment) controllerLog() error {
	log, err := os.ReadFile(e.logFile())
	switch {
	case errors.Is(err, fs.ErrNotExist): // it was never started
		return nil
	case err != nil:
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("the end of the controller's log:\n%s", strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

func (e *environment) stop() error {
	var errs []error
	errs = append(errs, e.stopController())
	if e.vcenter != nil {
		errs = append(errs, e.vcenter.Stop())
	}
	if e.cluster != nil {
		errs = append(errs, e.cluster.Stop())
	}
	if e.dir != "" {
		errs = append(errs, os.RemoveAll(e.dir))
	}
	return errors.Join(errs...)
}
