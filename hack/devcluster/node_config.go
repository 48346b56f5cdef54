package main

import "fmt"

// Where Debian and containerd have things.
const (
	cniPlugins       = "/usr/lib/cni"
	containerdSocket = "/run/containerd/containerd.sock"
)

// Files in the directory of the cluster that a node needs.
const (
	containerdConfigFile = "containerd.toml"
	cniConfigFile        = "cni/10-bridge.conflist"
	kubeletConfigFile    = "kubelet.yaml"
	kubeletCreds         = "kubelet.kubeconfig"
	schedulerCreds       = "scheduler.kubeconfig"
	kubeletClientCert    = "kubelet-client.crt"
	kubeletClientKey     = "kubelet-client.key"
)

// containerdConfig is in a form that containerd 1.6 (Debian 12) knows as well as its successors. What restrict_oom_score_adj
// spares is a capability that a node may lack that is a container itself.
func (c *cluster) containerdConfig() string {
	return fmt.Sprintf(`version = 2
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
`, containerdSocket, pauseImage, cniPlugins, c.file("cni"))
}

// cniConfig gives each Pod an address on a bridge of the node, by which it reaches the node and the other Pods.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "devcluster",
  "plugins": [{
    "type": "bridge",
    "bridge": "devcluster0",
    "isGateway": true,
    "ipam": {
      "type": "host-local",
      "ranges": [[{"subnet": "10.0.1.0/24"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
`

// kubeletConfig takes the machine as it is: with cgroups of either version, with swap, with a disk that is nearly full.
// Volumes are brought up to date with their Secrets every few seconds instead of every minute.
func (c *cluster) kubeletConfig() string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: false}
  x509: {clientCAFile: %q}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: "unix://%s"
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
evictionHard: {memory.available: "1Mi", nodefs.available: "0%%", imagefs.available: "0%%"}
imageGCHighThresholdPercent: 100
syncFrequency: 5s
`, c.file(caFile), containerdSocket)
}

func (c *cluster) kubeletArgs() []string {
	return []string{
		"--config=" + kubeletConfigFile,
		"--kubeconfig=" + kubeletCreds,
		"--hostname-override=" + nodeName,
		"--node-ip=" + serviceIP,
		fmt.Sprintf("--v=%d", c.options.verbosity),
	}
}

func (c *cluster) schedulerArgs() []string {
	return []string{
		"--kubeconfig=" + schedulerCreds,
		"--leader-elect=false",
		"--secure-port=0",
		fmt.Sprintf("--v=%d", c.options.verbosity),
	}
}
