package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// keep starts everything, says how to use it, and waits. That it is interrupted, be it in the middle of the start, is how it
// ends.
func (e *environment) keep(ctx context.Context) error {
	err := e.startAll(ctx)
	if err == nil {
		if err = e.sayHow(); err == nil {
			err = e.wait(ctx)
		}
	}
	if interrupted(ctx, err) {
		fmt.Println("\nStopping.")
		return nil
	}
	return err
}

func (e *environment) startAll(ctx context.Context) error {
	if err := e.start(ctx); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "create", "-f", "artifacts/crd.yaml"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "wait", "--for=condition=Established", "crd/vmgroups.vsphere.vmware.com"); err != nil {
		return err
	}
	return e.startController()
}

func (e *environment) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-e.exited:
		e.controller = nil
		return errors.Join(errors.New("the controller ended by itself"), err, e.controllerLog())
	}
}

// sayHow prints lines that do what they say when they are pasted into a shell.
func (e *environment) sayHow() error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	fmt.Print("\nEverything runs. Paste this into a second terminal:\n\n")
	fmt.Printf("  cd %s\n", quote(here))
	fmt.Printf("  export PATH=%s:\"$PATH\"\n", quote(filepath.Join(here, "bin")))
	var inTheWay []string
	for _, v := range os.Environ() {
		if leadsToVCenter(v) {
			name, _, _ := strings.Cut(v, "=")
			inTheWay = append(inTheWay, name)
		}
	}
	if len(inTheWay) > 0 {
		fmt.Printf("  unset %s\n", strings.Join(inTheWay, " "))
	}
	for _, v := range e.vars {
		name, value, _ := strings.Cut(v, "=")
		fmt.Printf("  export %s=%s\n", name, quote(value))
	}
	fmt.Printf(`
and try:

  kubectl create -f artifacts/examples/example.yaml
  kubectl wait --for=condition=Ready --timeout=60s vg/%[1]s
  kubectl get vg
  kubectl vmgroup tree %[1]s
  kubectl scale vg %[1]s --replicas=5
  kubectl vmgroup status %[1]s
  kubectl vmgroup plan %[1]s
  kubectl vmgroup plan -f artifacts/examples/example.yaml
  kubectl vmgroup orphans
  vcsim ctl vms                        # what really is in vCenter
  vcsim ctl                            # what you can do there behind the controller's back

These go on until Ctrl-C:

  kubectl get vg --watch
  kubectl vmgroup status --watch
  tail -f %[2]s

Ctrl-C here stops and removes everything.
`, group, quote(e.logFile()))
	return nil
}
