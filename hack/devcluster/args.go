package main

import (
	"fmt"
	"strings"
)

const (
	loopback = "127.0.0.1"

	// etcdSocket is where etcd listens: no port to find, and no door but the directory's. It is relative to the
	// directory the components run in, because the path of a Unix socket may have hardly more than 100 characters.
	etcdSocket = "etcd.sock"

	serviceCIDR          = "10.0.0.0/24"
	serviceIP            = "10.0.0.1" // the first of serviceCIDR: the Service "kubernetes"
	serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local"
)

// Files in the directory of the cluster. All but the keys and the data are written anew at each start.
const (
	caFile                 = "ca.crt"
	serverCertFile         = "server.crt"
	serverKeyFile          = "server.key"
	serviceAccountKeyFile  = "service-account.key"
	auditPolicyFile        = "audit-policy.yaml"
	controllerManagerCreds = "controller-manager.kubeconfig"
)

// auditPolicy records who did what to which object, without bodies, once per request: when it is answered.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
`

func etcdArgs() []string {
	return []string{
		"--data-dir=etcd",
		"--listen-client-urls=unix://" + etcdSocket,
		// Nobody reads what is advertised, but etcd wants an address with a host and a port.
		"--advertise-client-urls=http://" + loopback + ":0",
		"--listen-peer-urls=unix://etcd-peer.sock",
		// Survives a crash of the process, though not of the machine; starts and writes several times faster.
		"--unsafe-no-fsync=true",
		"--log-level=warn",
	}
}

func (c *cluster) apiServerArgs() []string {
	args := []string{
		"--etcd-servers=unix://" + etcdSocket,
		"--bind-address=" + c.ip,
		"--advertise-address=" + loopback,
		fmt.Sprintf("--secure-port=%d", c.port),
		"--permit-port-sharing=true", // see reservePort
		// The Service "kubernetes" cannot have a loopback address as its endpoint, and nobody is there to use it: the Pods of
		// a node reach the Service's address itself.
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=" + serviceCIDR,
		"--tls-cert-file=" + serverCertFile,
		"--tls-private-key-file=" + serverKeyFile,
		"--client-ca-file=" + caFile,
		"--authorization-mode=RBAC",
		"--service-account-issuer=" + serviceAccountIssuer,
		"--service-account-key-file=" + serviceAccountKeyFile,
		"--service-account-signing-key-file=" + serviceAccountKeyFile,
		"--profiling=false",
		fmt.Sprintf("--v=%d", c.options.verbosity),
	}
	if c.options.auditLog != "" {
		args = append(args,
			"--audit-policy-file="+auditPolicyFile,
			"--audit-log-path="+c.options.auditLog,
			"--audit-log-mode=blocking-strict") // an answered request is in the log
	}
	if c.options.node {
		args = append(args,
			"--authorization-mode=Node", // besides RBAC
			"--enable-admission-plugins=NodeRestriction",
			"--kubelet-client-certificate="+kubeletClientCert,
			"--kubelet-client-key="+kubeletClientKey,
			"--kubelet-preferred-address-types=InternalIP") // kubectl logs: nobody resolves its name
	}
	return args
}

// controllerManagerArgs leaves out the controllers that only matter where there are volumes or a cloud, or nodes if there are
// none.
func (c *cluster) controllerManagerArgs() []string {
	controllers := []string{
		"clusterrole-aggregation-controller",
		"cronjob-controller",
		"deployment-controller",
		"disruption-controller",
		"garbage-collector-controller",
		"horizontal-pod-autoscaler-controller",
		"job-controller",
		"namespace-controller",
		"replicaset-controller",
		"resourcequota-controller",
		"root-ca-certificate-publisher-controller",
		"serviceaccount-controller",
		"serviceaccount-token-controller",
		"statefulset-controller",
	}
	if c.options.node {
		controllers = append(controllers, "node-lifecycle-controller", "pod-garbage-collector-controller")
	}
	return []string{
		"--kubeconfig=" + controllerManagerCreds,
		"--controllers=" + strings.Join(controllers, ","),
		"--use-service-account-credentials=true", // each controller with its own role, as in production
		"--service-account-private-key-file=" + serviceAccountKeyFile,
		"--root-ca-file=" + caFile,
		"--leader-elect=false",
		"--secure-port=0",
		fmt.Sprintf("--v=%d", c.options.verbosity),
	}
}
