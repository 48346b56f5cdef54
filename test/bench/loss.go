package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// loss makes groups over a line that loses answers, or requests, and compares with one that loses nothing.
func (b *bench) loss(ctx context.Context) error {
	const groups, replicas = 10, 15
	for run := range b.runs {
		var clean time.Duration
		for _, loss := range []struct {
			name, target string
			harness.Loss
		}{
			{"clean", "", harness.Loss{}},
			{"2 % of the answers lost", "<= 1.3", harness.Loss{Answers: 0.02}},
			{"5 % of the answers lost", "<= 2", harness.Loss{Answers: 0.05}},
			{"10 % of the answers lost", "<= 4", harness.Loss{Answers: 0.1}},
			{"5 % of the requests lost", "<= 2", harness.Loss{Requests: 0.05}},
		} {
			line := harness.NewLossyLine(uint64(run + 1))
			err := b.withLine(ctx, vcsim.Options{}, nil, line, func(s *subject) error {
				line.Lose(loss.Loss)
				took, err := s.createMany(ctx, groups, replicas)
				if err != nil {
					return fmt.Errorf("%s: %w", loss.name, err)
				}
				line.Lose(harness.Loss{})
				name := fmt.Sprintf("%d VMs in %d groups, %s", groups*replicas, groups, loss.name)
				if clean == 0 {
					clean = took
					b.note(name, "", "s", took.Seconds())
				} else {
					b.note(name+": wall time / clean", loss.target, "", took.Seconds()/clean.Seconds())
				}
				return s.checkBooks(ctx, groups*replicas)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// reachBy puts a proxy with that line before vCenter, and returns what ends it.
func (s *subject) reachBy(line *harness.LossyLine) (hangUp func(), err error) {
	pem, err := os.ReadFile(s.vcenter.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	proxy, err := harness.NewProxy(s.vcenter.URL, line.Wrap(&http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 16,
	}))
	if err != nil {
		return nil, err
	}
	ca, err := os.CreateTemp("", "bench-ca-*.pem")
	if err == nil {
		_, err = ca.Write(harness.Certificate(proxy))
		err = errors.Join(err, ca.Close())
	}
	if err != nil {
		proxy.Close()
		return nil, err
	}
	s.endpoint, s.caFile = proxy.URL, ca.Name()
	return func() { proxy.CloseClientConnections(); proxy.Close(); _ = os.Remove(ca.Name()) }, nil
}

// createMany makes groups and returns how long it took until the status of each said READY.
func (s *subject) createMany(ctx context.Context, groups, replicas int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	began := time.Now()
	for i := range groups {
		_, err := s.groups.Create(ctx, &v1alpha1.VmGroup{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", groupName, i)},
			Spec:       v1alpha1.VmGroupSpec{CPU: 1, Memory: 1, Template: harness.Template, Replicas: ptr.To(int32(replicas))},
		}, metav1.CreateOptions{})
		if err != nil {
			return 0, err
		}
	}
	for {
		list, err := s.groups.List(ctx, metav1.ListOptions{})
		if err != nil {
			return 0, err
		}
		ready := 0
		for _, vg := range list.Items {
			if vg.Status.Phase == v1alpha1.PhaseReady && int(vg.Status.AvailableReplicas) == replicas {
				ready++
			}
		}
		if ready == groups {
			return time.Since(began), nil
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return 0, fmt.Errorf("%d of %d groups are READY: %w", ready, groups, err)
		}
	}
}

// checkBooks fails if the simulator has made another number of VMs than was wanted since the warm-up, which made one.
func (s *subject) checkBooks(ctx context.Context, vms int) error {
	tasks, err := s.vcenter.Control.Tasks(ctx)
	if err != nil {
		return err
	}
	made := -1
	for _, task := range tasks {
		if task.DescriptionID == "VirtualMachine.cloneVm" && task.State == "success" {
			made++
		}
	}
	if made != vms {
		return fmt.Errorf("%d VMs were made, want %d", made, vms)
	}
	return s.vcenter.Violations(ctx)
}
