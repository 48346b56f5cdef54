package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
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

	// requestTimeout bounds one readiness check.
	requestTimeout = 5 * time.Second
)

// writeFiles writes the files that the components read, and sets c.client and c.admin. Certificates are signed by a CA
// whose key is not kept: each start has new ones. The key of the ServiceAccount tokens stays, as the tokens may do.
func (c *cluster) writeFiles() error {
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
	manager, err := ca.client(controllerManagerUser)
	if err != nil {
		return err
	}
	managerConfig, err := kubeconfig(c.url(), ca, manager)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		caFile:                 ca.pem,
		serverCertFile:         server.cert,
		serverKeyFile:          server.key,
		controllerManagerCreds: managerConfig,
		auditPolicyFile:        []byte(auditPolicy),
	} {
		if err := os.WriteFile(c.file(name), data, 0o600); err != nil {
			return fmt.Errorf("write a file of the cluster: %w", err)
		}
	}
	if err := ensureKey(c.file(serviceAccountKeyFile)); err != nil {
		return fmt.Errorf("make the key that signs ServiceAccount tokens: %w", err)
	}
	return nil
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
