package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// tokenPath is where every Pod finds its ServiceAccount.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// fill brings the volumes up to date, in one step each, as a kubelet does: a change of a Secret reaches a running container.
func (n *Nodes) fill(ctx context.Context, p *pod, object *corev1.Pod) error {
	mounts := object.Spec.Containers[0].VolumeMounts
	for _, volume := range object.Spec.Volumes {
		i := slices.IndexFunc(mounts, func(m corev1.VolumeMount) bool { return m.Name == volume.Name })
		if i < 0 {
			continue
		}
		dir := filepath.Join(p.dir, volume.Name)
		p.mounts[mounts[i].MountPath] = dir
		known := p.written[volume.Name]
		if known != "" && volume.Projected != nil {
			continue // a token is not made each time
		}
		files, err := n.content(ctx, object, &volume)
		if err != nil {
			return fmt.Errorf("volume %s: %w", volume.Name, err)
		}
		if now := fmt.Sprintf("%q", files); now != known {
			if err := replaceAll(dir, files); err != nil {
				return err
			}
			p.written[volume.Name] = now
		}
	}
	return nil
}

// content returns the files of a volume.
func (n *Nodes) content(ctx context.Context, object *corev1.Pod, v *corev1.Volume) (map[string]string, error) {
	switch {
	case v.EmptyDir != nil:
		return map[string]string{}, nil
	case v.Secret != nil:
		return n.secret(ctx, object.Namespace, v.Secret)
	case v.ConfigMap != nil:
		config, err := n.client.CoreV1().ConfigMaps(object.Namespace).Get(ctx, v.ConfigMap.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) && v.ConfigMap.Optional != nil && *v.ConfigMap.Optional {
			return map[string]string{}, nil
		}
		if err != nil {
			return nil, err
		}
		return config.Data, nil
	case v.Projected != nil:
		return n.projected(ctx, object, v.Projected)
	}
	return nil, fmt.Errorf("it is of a kind that this node does not know")
}

func (n *Nodes) secret(ctx context.Context, namespace string, source *corev1.SecretVolumeSource) (map[string]string, error) {
	files := map[string]string{}
	secret, err := n.client.CoreV1().Secrets(namespace).Get(ctx, source.SecretName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && source.Optional != nil && *source.Optional {
		return files, nil
	}
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, item := range source.Items {
		names[item.Key] = item.Path
	}
	for key, value := range secret.Data {
		if len(names) > 0 && names[key] == "" {
			continue
		}
		file := key
		if names[key] != "" {
			file = names[key]
		}
		files[file] = string(value)
	}
	return files, nil
}

func (n *Nodes) projected(ctx context.Context, object *corev1.Pod, v *corev1.ProjectedVolumeSource) (map[string]string, error) {
	files := map[string]string{}
	for _, source := range v.Sources {
		switch {
		case source.ServiceAccountToken != nil:
			review, err := n.client.CoreV1().ServiceAccounts(object.Namespace).CreateToken(ctx, object.Spec.ServiceAccountName, &authenticationv1.TokenRequest{
				Spec: authenticationv1.TokenRequestSpec{
					ExpirationSeconds: source.ServiceAccountToken.ExpirationSeconds,
					BoundObjectRef:    &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: object.Name, UID: object.UID},
				},
			}, metav1.CreateOptions{})
			if err != nil {
				return nil, err
			}
			files[source.ServiceAccountToken.Path] = review.Status.Token
		case source.ConfigMap != nil:
			config, err := n.client.CoreV1().ConfigMaps(object.Namespace).Get(ctx, source.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			maps.Copy(files, config.Data)
		case source.DownwardAPI != nil:
			files["namespace"] = object.Namespace
		}
	}
	return files, nil
}

// replaceAll replaces all files of a directory in one step: they are links into a directory behind a link.
func replaceAll(dir string, files map[string]string) error {
	version := fmt.Sprintf("..%d", time.Now().UnixNano())
	if err := os.MkdirAll(filepath.Join(dir, version), 0o700); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, version, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	fresh := filepath.Join(dir, "..data_new")
	if err := os.Symlink(version, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, filepath.Join(dir, "..data")); err != nil {
		return err
	}
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return sweep(dir, version, files)
}

// sweep removes what belongs to an older version.
func sweep(dir, version string, files map[string]string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if _, ok := files[name]; ok || name == version || name == "..data" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// kubeconfig writes what stands for the configuration that a process finds in a Pod: it looks there for files at a path that
// cannot be had here.
func (n *Nodes) kubeconfig(p *pod) (string, error) {
	dir, ok := p.mounts[tokenPath]
	if !ok {
		return "", fmt.Errorf("it has no token")
	}
	namespace, err := os.ReadFile(filepath.Join(dir, "namespace"))
	if err != nil {
		return "", err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["cluster"] = &clientcmdapi.Cluster{Server: n.config.Host, CertificateAuthority: filepath.Join(dir, "ca.crt")}
	config.AuthInfos["pod"] = &clientcmdapi.AuthInfo{TokenFile: filepath.Join(dir, "token")}
	config.Contexts["pod"] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "pod", Namespace: strings.TrimSpace(string(namespace))}
	config.CurrentContext = "pod"
	path := filepath.Join(p.dir, "kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}
