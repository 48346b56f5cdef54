package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
)

// metricsAPI says where the API server finds the metrics that are not Kubernetes' own: at a port of this machine.
const metricsAPI = `
apiVersion: v1
kind: Service
metadata: {name: external-metrics, namespace: %[2]s}
spec: {type: ExternalName, externalName: localhost, ports: [{port: %[1]s}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec:
  group: external.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: external-metrics, namespace: %[2]s, port: %[1]s}
`

const autoscaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: vsphere.vmware.com/v1alpha1, kind: VmGroup, name: %s}
  minReplicas: 1
  maxReplicas: 8
  metrics:
  - type: External
    external:
      metric: {name: queue_length}
      target: {type: AverageValue, averageValue: "10"}
`

// autoscales has Kubernetes' own autoscaler follow a metric: 10 waiting requests for each VM.
func (s *site) autoscales() {
	var waiting atomic.Int64
	waiting.Store(50)
	defer s.servesMetric("queue_length", &waiting)()
	s.apply(fmt.Sprintf(autoscaler, install.Web))
	s.Ready(install.Web, 5)
	waiting.Store(70)
	s.Ready(install.Web, 7)
	s.User("delete", "hpa", "web")
	s.User("scale", "vg/"+install.Web, "--replicas=3")
	s.Ready(install.Web, 3)
}

// servesMetric makes a metric known to the API server, until the function that it returns is called.
func (s *site) servesMetric(name string, value *atomic.Int64) func() {
	s.T.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerMetrics(w, r, name, value.Load())
	}))
	u, err := url.Parse(server.URL)
	harness.Must(s.T, err)
	s.apply(fmt.Sprintf(metricsAPI, u.Port(), s.Namespace))
	return func() {
		s.Admin("delete", "apiservice", "v1beta1.external.metrics.k8s.io")
		server.Close()
	}
}

// answerMetrics is an API server for one metric.
func answerMetrics(w http.ResponseWriter, r *http.Request, name string, value int64) {
	const groupVersion = "external.metrics.k8s.io/v1beta1"
	var answer any = map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": groupVersion, "resources": []any{
		map[string]any{"name": name, "namespaced": true, "kind": "ExternalMetricValueList", "verbs": []string{"get"}},
	}}
	if strings.HasSuffix(r.URL.Path, "/"+name) {
		answer = map[string]any{"kind": "ExternalMetricValueList", "apiVersion": groupVersion, "metadata": map[string]any{}, "items": []any{
			map[string]any{"metricName": name, "metricLabels": map[string]string{}, "timestamp": "2026-01-02T03:04:05Z", "value": fmt.Sprint(value)},
		}}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(http.ErrAbortHandler) // whoever asked has gone
	}
}

// apply applies a manifest.
func (s *site) apply(manifest string) {
	s.T.Helper()
	s.User("apply", "-f", s.written(manifest))
}

// written returns a file with a manifest.
func (s *site) written(manifest string) string {
	s.T.Helper()
	file := filepath.Join(s.T.TempDir(), "manifest.yaml")
	harness.Must(s.T, os.WriteFile(file, []byte(manifest), 0o600))
	return file
}
