package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	// contextName names the cluster, the user and the context in the kubeconfigs.
	contextName = "devcluster"

	adminUser             = "devcluster-admin"
	adminGroup            = "system:masters" // may do everything, impersonation (kubectl --as) included
	controllerManagerUser = "system:kube-controller-manager"
	schedulerUser         = "system:kube-scheduler"
	nodeUserPrefix        = "system:node:"
	nodeGroup             = "system:nodes"
	kubeletClientUser     = "kube-apiserver-kubelet-client"

	// requestTimeout bounds one readiness check.
	requestTimeout = 5 * time.Second
)

// writeFiles writes the files that the components read, and sets c.client and c.admin. Certificates are signed by a CA
// whose key is not kept: each start has new ones. The key of the ServiceAccount tokens stays, as the tokens may do.
func (c *cluster) writeFiles() error {
	if err := ensureKey(c.file(serviceAccountKeyFile)); err != nil {
		return fmt.Errorf("make the key that signs ServiceAccount tokens: %w", err)
	}
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	server, err := ca.server(net.ParseIP(loopback), net.ParseIP(serviceIP))
	if err != nil {
		return err
	}
	admin, err := ca.client(adminUser, adminGroup)
	if err != nil {
		return err
	}
	if c.client, err = httpClient(ca, admin); err != nil {
		return err
	}
	if c.admin, err = kubeconfig(c.url(), ca, admin); err != nil {
		return err
	}
	managerConfig, err := c.component(ca, controllerManagerUser)
	if err != nil {
		return err
	}
	if c.options.node {
		if err := c.writeNodeFiles(ca); err != nil {
			return err
		}
	}
	return c.write(map[string][]byte{
		caFile:                 ca.pem,
		serverCertFile:         server.cert,
		serverKeyFile:          server.key,
		controllerManagerCreds: managerConfig,
		auditPolicyFile:        []byte(auditPolicy),
	})
}

// writeNodeFiles writes what the components of a node read besides. The API server, too, shows a kubelet who it is.
func (c *cluster) writeNodeFiles(ca *authority) error {
	apiServerClient, err := ca.client(kubeletClientUser)
	if err != nil {
		return err
	}
	scheduler, err := c.component(ca, schedulerUser)
	if err != nil {
		return err
	}
	kubelet, err := c.component(ca, nodeUserPrefix+nodeName, nodeGroup)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.file(cniConfigFile)), 0o700); err != nil {
		return fmt.Errorf("make a directory of the cluster: %w", err)
	}
	return c.write(map[string][]byte{
		kubeletClientCert:    apiServerClient.cert,
		kubeletClientKey:     apiServerClient.key,
		schedulerCreds:       scheduler,
		kubeletCreds:         kubelet,
		kubeletConfigFile:    []byte(c.kubeletConfig()),
		containerdConfigFile: []byte(c.containerdConfig()),
		cniConfigFile:        []byte(cniConfig),
	})
}

// write writes files of the cluster, by name.
func (c *cluster) write(files map[string][]byte) error {
	for name, data := range files {
		if err := os.WriteFile(c.file(name), data, 0o600); err != nil {
			return fmt.Errorf("write a file of the cluster: %w", err)
		}
	}
	return nil
}

// component returns the kubeconfig of a component.
func (c *cluster) component(ca *authority, user string, groups ...string) ([]byte, error) {
	pair, err := ca.client(user, groups...)
	if err != nil {
		return nil, err
	}
	return kubeconfig(c.url(), ca, pair)
}

// kubeconfig returns a kubeconfig that contains everything, so that the file can be moved.
func kubeconfig(url string, ca *authority, user keyPair) ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters[contextName] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: ca.pem}
	config.AuthInfos[contextName] = &clientcmdapi.AuthInfo{ClientCertificateData: user.cert, ClientKeyData: user.key}
	config.Contexts[contextName] = &clientcmdapi.Context{Cluster: contextName, AuthInfo: contextName}
	config.CurrentContext = contextName
	data, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("encode a kubeconfig: %w", err)
	}
	return data, nil
}

func httpClient(ca *authority, user keyPair) (*http.Client, error) {
	cert, err := tls.X509KeyPair(user.cert, user.key)
	if err != nil {
		return nil, fmt.Errorf("load a client certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	return &http.Client{
		Timeout: requestTimeout,
		// No proxy: the environment's one is not meant for loopback.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}},
	}, nil
}
