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
