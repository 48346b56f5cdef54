package main

import "github.com/vmgroup/vmgroup-controller/pkg/metrics"

var (
	ofInformer = []string{"name", "group", "version", "resource"}
	ofQueue    = []string{"name"}
	ofRequest  = []string{"host", "verb"}
)

// inherited are the metrics of the libraries, by name. The help texts are our own.
var inherited = []metrics.Row{
	{Name: "cardinality_enforcement_unexpected_categorizations_total", Type: "counter", Help: "Label values that component-base does not expect; always 0 here."},
	{Name: "disabled_metrics_total", Type: "counter", Help: "Metrics that component-base leaves out by configuration; always 0 here."},
	{Name: "hidden_metrics_total", Type: "counter", Help: "Metrics that component-base hides because they are deprecated."},
	{Name: "informer_processing_latency_seconds", Type: "histogram", Labels: ofInformer, Help: "Time that the handlers of an informer take for one event. Only the leader has this series."},
	{Name: "informer_queued_items", Type: "gauge", Labels: ofInformer, Help: "Events that an informer has received and not handled yet. Only the leader has this series."},
	{Name: "informer_store_resource_version", Type: "gauge", Labels: ofInformer, Help: "Last 15 digits of the resourceVersion up to which an informer has followed the API server. Only the leader has this series."},
	{Name: "leader_election_master_status", Type: "gauge", Labels: []string{"name"}, Help: "1 for the process that holds the Lease, 0 for a standby."},
	{Name: "leader_election_slowpath_total", Type: "counter", Labels: []string{"name"}, Help: "Renewals of the Lease that had to read it first."},
	{Name: "registered_metrics_total", Type: "counter", Labels: []string{"deprecated_version", "stability_level"}, Help: "Metrics that component-base knows."},
	{Name: "rest_client_dns_resolution_duration_seconds", Type: "histogram", Labels: []string{"host"}, Help: "Time to resolve the API server's name."},
	{Name: "rest_client_exec_plugin_call_total", Type: "counter", Labels: []string{"call_status", "code"}, Help: "Calls of a credential plugin of the kubeconfig."},
	{Name: "rest_client_exec_plugin_certificate_rotation_age", Type: "histogram", Help: "Age, in seconds, of client certificates of a credential plugin at their replacement."},
	{Name: "rest_client_exec_plugin_policy_call_total", Type: "counter", Labels: []string{"allowed", "denied"}, Help: "Credential plugins that the kubeconfig's policy allows or denies."},
	{Name: "rest_client_exec_plugin_ttl_seconds", Type: "gauge", Help: "Time until the shortest-lived client certificate of a credential plugin expires."},
	{Name: "rest_client_rate_limiter_duration_seconds", Type: "histogram", Labels: ofRequest, Help: "Time that requests to the API server waited for -kube-api-qps."},
	{Name: "rest_client_request_duration_seconds", Type: "histogram", Labels: ofRequest, Help: "Time that requests to the API server took."},
	{Name: "rest_client_request_retries_total", Type: "counter", Labels: []string{"code", "verb", "host"}, Help: "Requests to the API server that client-go sent again."},
	{Name: "rest_client_request_size_bytes", Type: "histogram", Labels: ofRequest, Help: "Size of requests to the API server."},
	{Name: "rest_client_requests_total", Type: "counter", Labels: []string{"code", "host", "method"}, Help: "Requests to the API server by status code; <error> counts requests without an answer."},
	{Name: "rest_client_response_size_bytes", Type: "histogram", Labels: ofRequest, Help: "Size of the API server's answers."},
	{Name: "rest_client_transport_ca_reload_total", Type: "counter", Labels: []string{"result", "reason"}, Help: "Number of times that client-go read the API server's certificate authorities again."},
	{Name: "rest_client_transport_cache_entries", Type: "gauge", Help: "Transports to the API server in client-go's cache."},
	{Name: "rest_client_transport_cache_gc_calls_total", Type: "counter", Labels: []string{"result"}, Help: "Transports to the API server that client-go dropped because nobody uses them."},
	{Name: "rest_client_transport_cert_rotation_gc_calls_total", Type: "counter", Help: "Transports whose rotation of client certificates client-go gave up."},
	{Name: "rest_client_transport_create_calls_total", Type: "counter", Labels: []string{"result"}, Help: "Transports to the API server that clients asked for: hit is a cached one, miss a new one."},
	{Name: "workqueue_adds_total", Type: "counter", Labels: ofQueue, Help: "Keys added to the queue; the controller's queue is named vmgroup."},
	{Name: "workqueue_depth", Type: "gauge", Labels: ofQueue, Help: "Keys that wait in the queue for a worker."},
	{Name: "workqueue_longest_running_processor_seconds", Type: "gauge", Labels: ofQueue, Help: "Time that the longest running sync has taken so far."},
	{Name: "workqueue_queue_duration_seconds", Type: "histogram", Labels: ofQueue, Help: "Time that keys wait in the queue for a worker."},
	{Name: "workqueue_retries_total", Type: "counter", Labels: ofQueue, Help: "Keys added again after a delay."},
	{Name: "workqueue_unfinished_work_seconds", Type: "gauge", Labels: ofQueue, Help: "Time that all running syncs have taken so far."},
	{Name: "workqueue_work_duration_seconds", Type: "histogram", Labels: ofQueue, Help: "Time that syncs take."},
}
