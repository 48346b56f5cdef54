package harness

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Kubectl is kubectl as a user has it, with the plugin of the binary that ships on its PATH.
type Kubectl struct {
	w   *World
	dir string   // on PATH, with kubectl and the plugin
	env []string // what the user's shell has
}

// Kubectl returns a kubectl for this world: its cluster, its namespace, its vCenter.
func (w *World) Kubectl() *Kubectl {
	w.T.Helper()
	if w.observer == nil {
		w.T.Fatal("nobody observes this world: see invariants.Watch")
	}
	k := &Kubectl{w: w, dir: w.T.TempDir()}
	Must(w.T, os.Symlink(w.Cluster.Binary(), filepath.Join(k.dir, "kubectl")))
	Must(w.T, os.Symlink(filepath.Join(Root(), "bin", "vmgroup-controller"), filepath.Join(k.dir, "kubectl-vmgroup")))
	u, err := url.Parse(w.VCenter.URL)
	Must(w.T, err)
	k.env = []string{
		"PATH=" + k.dir, "HOME=" + k.dir, "KUBECONFIG=" + w.Cluster.Kubeconfig(),
		"VC_HOST=" + u.Hostname(), "VC_PORT=" + u.Port(), "VC_USER=" + w.VCenter.Username, "VC_PASS=" + w.VCenter.Password,
		"GOVC_TLS_CA_CERTS=" + w.VCenter.CAFile,
	}
	return k
}

// With returns the same with other variables; the last of one name counts.
func (k *Kubectl) With(env ...string) *Kubectl {
	return &Kubectl{w: k.w, dir: k.dir, env: append(k.env[:len(k.env):len(k.env)], env...)}
}

// Command returns kubectl with arguments, in the root of the repository, not started yet, for what does not log in to vCenter.
func (k *Kubectl) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(k.dir, "kubectl"), args...)
	cmd.Dir, cmd.Env = Root(), k.env
	return cmd
}

// Ran is what came of a command.
type Ran struct {
	Stdout, Stderr string
	Code           int
}

// String shows it as a terminal would.
func (r Ran) String() string { return r.Stdout + r.Stderr }

// Run runs kubectl and waits. That it fails is for the caller to judge.
func (k *Kubectl) Run(args ...string) Ran { return k.RunWith("", args...) }

// RunWith is Run with something on stdin.
func (k *Kubectl) RunWith(stdin string, args ...string) Ran {
	k.w.T.Helper()
	return k.run(stdin, args, func(*os.Process) {})
}

// Interrupt is Run that is interrupted, as by Ctrl-C, as soon as there is no error.
func (k *Kubectl) Interrupt(when func() error, args ...string) Ran {
	k.w.T.Helper()
	return k.run("", args, func(p *os.Process) {
		k.w.Eventually("the moment to interrupt it", when)
		Must(k.w.T, p.Signal(os.Interrupt))
	})
}

func (k *Kubectl) run(stdin string, args []string, meanwhile func(*os.Process)) Ran {
	k.w.T.Helper()
	ctx, cancel := context.WithTimeout(k.w.T.Context(), patience)
	defer cancel()
	cmd := k.Command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.WaitDelay = time.Second
	k.w.observer.Started() // it may log in to vCenter
	defer k.w.observer.Ended()
	Must(k.w.T, cmd.Start())
	meanwhile(cmd.Process)
	err := cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		k.w.T.Fatalf("kubectl %s: %v", strings.Join(args, " "), err)
	}
	ran := Ran{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	k.w.T.Logf("$ kubectl %s\n%s(exit code %d)", strings.Join(args, " "), ran, ran.Code)
	return ran
}
