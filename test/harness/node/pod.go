package node

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// probeTimeout bounds a request to a container.
const probeTimeout = time.Second

// pod is a Pod whose container runs as a process. It is guarded by Nodes.mu.
type pod struct {
	name, node string
	dir        string
	mounts     map[string]string // directories, by path in the container
	written    map[string]string // what the volumes hold
	ports      map[string]string // addresses, by name of the port
	binary     string
	args, env  []string

	process    *exec.Cmd
	exited     chan struct{} // closed when the process has ended
	started    time.Time
	terminated bool // it was told to end
	restarts   int32
	reported   string
}

// start prepares what the container needs, and starts it.
func (n *Nodes) start(ctx context.Context, object *corev1.Pod) (*pod, error) {
	if len(object.Spec.Containers) != 1 || len(object.Spec.InitContainers) > 0 {
		return nil, fmt.Errorf("it has not just one container")
	}
	container := object.Spec.Containers[0]
	if len(container.Command) > 0 || len(container.EnvFrom) > 0 {
		return nil, fmt.Errorf("a command and envFrom are more than this node knows")
	}
	p := &pod{
		name: object.Name, node: object.Spec.NodeName, dir: filepath.Join(n.dir, string(object.UID)), binary: cmp.Or(n.options.Images[container.Image], n.options.Binary),
		mounts: map[string]string{}, written: map[string]string{}, ports: map[string]string{},
	}
	if err := n.fill(ctx, p, object); err != nil {
		return nil, err
	}
	env, err := n.environment(ctx, object, &container)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := n.kubeconfig(p)
	if err != nil {
		return nil, err
	}
	// As in a container, nothing of the environment here is seen there.
	p.env = append(env, "KUBECONFIG="+kubeconfig, "HOME="+p.dir)
	for _, arg := range container.Args {
		for path, dir := range p.mounts {
			arg = strings.ReplaceAll(arg, path, dir)
		}
		for _, pair := range env {
			name, value, _ := strings.Cut(pair, "=")
			arg = strings.ReplaceAll(arg, "$("+name+")", value)
		}
		p.args = append(p.args, arg)
	}
	for _, port := range container.Ports {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		p.ports[port.Name] = address
		p.args = append(p.args, "-"+port.Name+"-addr="+address)
	}
	return p, p.restart()
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// environment returns what the container's environment says.
func (n *Nodes) environment(ctx context.Context, object *corev1.Pod, c *corev1.Container) ([]string, error) {
	var env []string
	for _, e := range c.Env {
		value := e.Value
		switch from := e.ValueFrom; {
		case from == nil:
		case from.ConfigMapKeyRef != nil:
			ref := from.ConfigMapKeyRef
			config, err := n.client.CoreV1().ConfigMaps(object.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			text, ok := config.Data[ref.Key]
			if !ok {
				if ref.Optional != nil && *ref.Optional {
					continue
				}
				return nil, fmt.Errorf("ConfigMap %s has no %s", ref.Name, ref.Key)
			}
			value = text
		case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.name":
			value = object.Name
		case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.namespace":
			value = object.Namespace
		case from.ResourceFieldRef != nil && from.ResourceFieldRef.Resource == "limits.memory":
			value = strconv.FormatInt(c.Resources.Limits.Memory().Value(), 10)
		default:
			return nil, fmt.Errorf("%s comes from where this node cannot read", e.Name)
		}
		env = append(env, e.Name+"="+value)
	}
	return env, nil
}

// restart starts the container, for the first time or again.
func (p *pod) restart() error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if p.process != nil {
		p.restarts++
	}
	cmd := exec.Command(p.binary, p.args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C in a terminal is for the test, which ends it
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // however it has ended, it is started again
	}()
	p.process, p.exited, p.started = cmd, exited, time.Now()
	return nil
}

func (p *pod) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// end asks the process to end, and reports whether it has. After the deadline it is killed.
func (p *pod) end(deadline time.Time) bool {
	if p.hasExited() {
		return true
	}
	if !p.terminated {
		p.terminated = true
		_ = p.process.Process.Signal(syscall.SIGTERM) // it may have ended
	}
	if time.Now().After(deadline) {
		p.kill()
	}
	return false
}

func (p *pod) kill() { _ = p.process.Process.Kill() } // it may have ended

func (p *pod) logFile() string { return filepath.Join(p.dir, "log") }

func (p *pod) log() string {
	text, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	return "Pod " + p.name + "\n" + string(text)
}

// report probes the container and writes the status of the Pod if it has changed.
func (n *Nodes) report(ctx context.Context, p *pod, object *corev1.Pod) error {
	container := object.Spec.Containers[0]
	ready := p.probe(ctx, container.ReadinessProbe)
	if now := fmt.Sprint(ready, p.restarts); now == p.reported {
		return nil
	} else {
		p.reported = now
	}
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	object = object.DeepCopy()
	object.Status.Phase = corev1.PodRunning
	object.Status.StartTime = &metav1.Time{Time: p.started}
	object.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue},
		{Type: corev1.ContainersReady, Status: status},
		{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.Now()},
	}
	object.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: container.Name, Image: container.Image, ImageID: container.Image, Ready: ready, RestartCount: p.restarts,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Time{Time: p.started}}},
	}}
	_, err := n.client.CoreV1().Pods(object.Namespace).UpdateStatus(ctx, object, metav1.UpdateOptions{})
	if err != nil {
		p.reported = ""
	}
	return err
}

func (p *pod) probe(ctx context.Context, probe *corev1.Probe) bool {
	if probe == nil || probe.HTTPGet == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	code, _ := get(ctx, "http://"+p.ports[probe.HTTPGet.Port.String()]+probe.HTTPGet.Path)
	return code == http.StatusOK
}

// get returns 0 if there is no answer.
func get(ctx context.Context, url string) (code int, text string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, ""
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(body)
}
