// Package node stands in for the scheduler and the kubelets of a cluster that has none: it binds Pods to nodes and runs the
// container of each as a process of this machine.
//
// A process gets what the Pod says: arguments, environment, Secrets and ConfigMaps as files that change with them, and the
// token of its ServiceAccount, bound to the Pod. It is probed, restarted when it ends, and given its grace when the Pod is
// deleted. What Pods are for otherwise is not there: no image, no other user, no limits, no network of its own; paths of
// mounts are replaced by those of directories, and ports by free ones.
package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// period is how often the Pods are looked at.
const period = 100 * time.Millisecond

// Options say whose Pods are run, and where.
type Options struct {
	Kubeconfig string // of an administrator, who is scheduler and kubelet
	Namespace  string // whose Pods are run
	Names      []string
	Binary     string            // what every image holds that is not among Images
	Images     map[string]string // what other images hold, by their names
}

// Nodes are the nodes. Their methods may be called concurrently.
type Nodes struct {
	t       testing.TB
	options Options
	dir     string
	config  *rest.Config
	client  kubernetes.Interface
	cancel  context.CancelFunc
	ended   sync.WaitGroup

	mu   sync.Mutex
	pods map[types.UID]*pod
	logs []string // of Pods that are gone
}

// Start registers the nodes and runs Pods on them until the test ends.
func Start(t testing.TB, o Options) *Nodes {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	must(t, err)
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	n := &Nodes{t: t, options: o, dir: t.TempDir(), config: config, client: client, pods: map[types.UID]*pod{}}
	for _, name := range o.Names {
		must(t, n.register(t.Context(), name))
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	n.cancel = cancel
	n.ended.Go(func() { n.run(ctx) })
	t.Cleanup(n.stop)
	return n
}

func (n *Nodes) register(ctx context.Context, name string) error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	_, err := n.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// stop ends all processes at once, as a power failure does.
func (n *Nodes) stop() {
	n.cancel()
	n.ended.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		p.kill()
		<-p.exited
		n.logs = append(n.logs, p.log())
	}
	n.pods = map[types.UID]*pod{}
	if n.t.Failed() {
		n.t.Logf("the logs of the Pods:\n%s", strings.Join(n.logs, "\n"))
	}
}

func (n *Nodes) run(ctx context.Context) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		if err := n.look(ctx); err != nil && ctx.Err() == nil {
			n.t.Errorf("a Pod does not do as it should: %v", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look brings every Pod one step forward.
func (n *Nodes) look(ctx context.Context) error {
	list, err := n.client.CoreV1().Pods(n.options.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for i := range list.Items {
		object := &list.Items[i]
		if err := n.step(ctx, object); err != nil && !overtaken(err) {
			errs = append(errs, fmt.Errorf("run %s: %w", object.Name, err))
		}
	}
	for uid, p := range n.pods { // deleted without grace
		if !slices.ContainsFunc(list.Items, func(o corev1.Pod) bool { return o.UID == uid }) {
			p.kill()
			n.drop(uid)
		}
	}
	return errors.Join(errs...)
}

// overtaken reports whether somebody else has changed or deleted the Pod since it was read; it is looked at again.
func overtaken(err error) bool { return apierrors.IsConflict(err) || apierrors.IsNotFound(err) }

func (n *Nodes) step(ctx context.Context, object *corev1.Pod) error {
	p := n.pods[object.UID]
	switch {
	case object.Spec.NodeName == "":
		return n.bind(ctx, object)
	case p == nil && object.DeletionTimestamp != nil:
		return n.remove(ctx, object)
	case p == nil:
		p, err := n.start(ctx, object)
		if err != nil {
			return err
		}
		n.pods[object.UID] = p
		return nil
	case object.DeletionTimestamp != nil:
		if !p.end(object.DeletionTimestamp.Time) {
			return nil
		}
		n.drop(object.UID)
		return n.remove(ctx, object)
	}
	if err := n.fill(ctx, p, object); err != nil {
		return err
	}
	if p.hasExited() {
		if err := p.restart(); err != nil {
			return err
		}
	}
	return n.report(ctx, p, object)
}

func (n *Nodes) drop(uid types.UID) {
	p := n.pods[uid]
	<-p.exited
	n.logs = append(n.logs, p.log())
	delete(n.pods, uid)
}

// bind puts a Pod on the node with the fewest Pods that takes any.
func (n *Nodes) bind(ctx context.Context, object *corev1.Pod) error {
	if object.DeletionTimestamp != nil {
		return nil
	}
	nodes, err := n.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	best := ""
	for _, node := range nodes.Items {
		if !node.Spec.Unschedulable && (best == "" || n.load(node.Name) < n.load(best)) {
			best = node.Name
		}
	}
	if best == "" {
		return nil // it waits
	}
	return n.client.CoreV1().Pods(object.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: object.Name, Namespace: object.Namespace, UID: object.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: best},
	}, metav1.CreateOptions{})
}

func (n *Nodes) load(node string) int {
	count := 0
	for _, p := range n.pods {
		if p.node == node {
			count++
		}
	}
	return count
}

func (n *Nodes) remove(ctx context.Context, object *corev1.Pod) error {
	return n.client.CoreV1().Pods(object.Namespace).Delete(ctx, object.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64), Preconditions: metav1.NewUIDPreconditions(string(object.UID)),
	})
}

// Log returns what a Pod has logged so far, over all restarts of its container.
func (n *Nodes) Log(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		if p.name == name {
			return p.log()
		}
	}
	return ""
}

// Logs returns what all Pods have logged, those that are gone too.
func (n *Nodes) Logs() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := slices.Clone(n.logs)
	for _, p := range n.pods {
		all = append(all, p.log())
	}
	return strings.Join(all, "\n")
}

// Kill ends the process of a Pod by SIGKILL. It is restarted.
func (n *Nodes) Kill(name string) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		if p.name == name {
			p.kill()
			return
		}
	}
	n.t.Fatalf("there is no Pod %s", name)
}

// Get asks a Pod for a path at one of its ports, and returns what it answers: nothing if it does not.
func (n *Nodes) Get(name, port, path string) string {
	n.mu.Lock()
	address := ""
	for _, p := range n.pods {
		if p.name == name {
			address = p.ports[port]
		}
	}
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(n.t.Context(), probeTimeout)
	defer cancel()
	_, text := get(ctx, "http://"+address+path)
	return text
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
