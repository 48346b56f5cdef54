package artifacts

import (
	"flag"
	"maps"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/vmgroup/vmgroup-controller/pkg/options"
)

// installations are what each installation is to be told, and which settings of the example it has no use for.
var installations = []struct {
	file             string
	namespace, owner string
	unused           []string
}{
	{file: installFile, unused: []string{"OWNER_ID"}},
	{file: namespacedFile, namespace: "vmgroups", owner: "production-vmgroups"},
}

// The controller understands what its Deployment says, with the settings of the example.
func TestOptions(t *testing.T) {
	for _, tc := range installations {
		t.Run(path.Base(tc.file), func(t *testing.T) {
			config := settings(t).Data
			o := parse(t, controllerIn(t, tc.file), config)
			got := options.VCenter{
				Host: o.VCenter.Host, Port: o.VCenter.Port, Datacenter: o.VCenter.Datacenter, Cluster: o.VCenter.Cluster,
				ResourcePool: o.VCenter.ResourcePool, Datastore: o.VCenter.Datastore,
				Folder: o.VCenter.Folder, TemplateFolder: o.VCenter.TemplateFolder,
			}
			want := options.VCenter{
				Host: config["VC_HOST"], Port: 443, Datacenter: config["DATACENTER"], Cluster: config["CLUSTER"],
				ResourcePool: config["RESOURCE_POOL"], Datastore: config["DATASTORE"],
				Folder: config["FOLDER"], TemplateFolder: config["TEMPLATE_FOLDER"],
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("vCenter (-settings +options):\n%s", diff)
			}
			if o.Namespace != tc.namespace || o.OwnerID != tc.owner {
				t.Errorf("-namespace is %q and -owner-id is %q, want %q and %q", o.Namespace, o.OwnerID, tc.namespace, tc.owner)
			}
			if !o.LeaderElection.LeaderElect || o.VCenter.Insecure || o.ReadOnly {
				t.Error("want leader election, a certificate that is verified, and a controller that works")
			}
		})
	}
}

// What the example leaves to people may be left out.
func TestLeastSettings(t *testing.T) {
	config := only[corev1.ConfigMap](t, "ConfigMap", objects(t, configExampleFile)).Data
	if o := parse(t, controllerIn(t, installFile), config); o.VCenter.Host != config["VC_HOST"] {
		t.Errorf("the vCenter is %q, want %q", o.VCenter.Host, config["VC_HOST"])
	}
}

// Every setting of the example has an effect, and there is none besides.
func TestSettings(t *testing.T) {
	example := settings(t)
	for _, tc := range installations {
		used := sets.New(tc.unused...)
		for _, e := range controllerIn(t, tc.file).Env {
			if e.ValueFrom == nil {
				continue
			}
			if from := e.ValueFrom.ConfigMapKeyRef; from == nil || from.Name != example.Name {
				t.Fatalf("%s: %s does not come from the ConfigMap %s", tc.file, e.Name, example.Name)
			}
			used.Insert(e.ValueFrom.ConfigMapKeyRef.Key)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(example.Data)), sets.List(used)); diff != "" {
			t.Errorf("%s: settings (-example +used):\n%s", tc.file, diff)
		}
	}
}

// Credentials and CA are read where the Secret is mounted, whole, so that a rotation arrives; the environment has none.
func TestSecret(t *testing.T) {
	example := secret(t)
	for _, tc := range installations {
		container := controllerIn(t, tc.file)
		o := parse(t, container, settings(t).Data)
		mounted := map[string]string{} // names of Secrets by path
		for _, m := range container.VolumeMounts {
			for _, v := range deploymentIn(t, tc.file).Spec.Template.Spec.Volumes {
				if v.Name == m.Name && v.Secret != nil && m.SubPath == "" && len(v.Secret.Items) == 0 {
					mounted[m.MountPath] = v.Secret.SecretName
				}
			}
		}
		want := map[string]bool{"username": true, "password": true, path.Base(o.VCenter.CAFile): true}
		for _, dir := range []string{o.VCenter.CredentialsDir, path.Dir(o.VCenter.CAFile)} {
			if mounted[dir] != example.Name {
				t.Errorf("%s: the Secret %s is not mounted at %s but %v are", tc.file, example.Name, dir, mounted)
			}
		}
		have := map[string]bool{}
		for key := range example.StringData {
			have[key] = true
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: keys of the Secret (-read +example):\n%s", tc.file, diff)
		}
		if o.VCenter.Username != "" || o.VCenter.Password != "" {
			t.Errorf("%s: there are credentials in the environment", tc.file)
		}
	}
}

// What listens, what is declared, probed, served and let through are the same ports.
func TestPorts(t *testing.T) {
	for _, tc := range installations {
		all := objects(t, tc.file)
		container := controllerIn(t, tc.file)
		o := parse(t, container, settings(t).Data)
		declared := map[string]string{}
		for _, p := range container.Ports {
			declared[p.Name] = strconv.Itoa(int(p.ContainerPort))
		}
		listening := map[string]string{"metrics": port(t, o.MetricsAddr), "health": port(t, o.HealthAddr)}
		if diff := cmp.Diff(listening, declared); diff != "" {
			t.Errorf("%s: ports (-flags +container):\n%s", tc.file, diff)
		}
		live, ready := container.LivenessProbe.HTTPGet, container.ReadinessProbe.HTTPGet
		if live.Path != "/livez" || live.Port.StrVal != "health" || ready.Path != "/readyz" || ready.Port.StrVal != "health" {
			t.Errorf("%s: the probes are %v and %v, want /livez and /readyz on health", tc.file, live, ready)
		}
		service := only[corev1.Service](t, "Service", all)
		if got := service.Spec.Ports[0].TargetPort.StrVal; got != "metrics" {
			t.Errorf("%s: the Service serves %q, want metrics", tc.file, got)
		}
	}
}

// The Go runtime knows how much memory there is, and leaves some for what it does not count.
func TestMemoryLimit(t *testing.T) {
	for _, tc := range installations {
		container := controllerIn(t, tc.file)
		text := ""
		for _, e := range container.Env {
			if e.Name == "GOMEMLIMIT" {
				text = e.Value
			}
		}
		// Go writes B for bytes where Kubernetes writes nothing.
		soft, err := resource.ParseQuantity(strings.TrimSuffix(text, "B"))
		if err != nil {
			t.Fatalf("%s: GOMEMLIMIT is %q: %v", tc.file, text, err)
		}
		hard := container.Resources.Limits.Memory().Value()
		if share := float64(soft.Value()) / float64(hard); share < 0.85 || share > 0.95 {
			t.Errorf("%s: GOMEMLIMIT is %s, %.0f %% of the memory limit; want about 90 %%", tc.file, text, 100*share)
		}
	}
}

// parse does what the kubelet and main do with the container.
func parse(t *testing.T, container corev1.Container, config map[string]string) *options.Options {
	t.Helper()
	env := map[string]string{}
	for _, e := range container.Env {
		if e.ValueFrom == nil {
			env[e.Name] = e.Value
			continue
		}
		from := e.ValueFrom.ConfigMapKeyRef
		value, ok := config[from.Key]
		switch {
		case ok:
			env[e.Name] = value
		case from.Optional == nil || !*from.Optional:
			t.Errorf("no Pod starts without the setting %s", from.Key)
		}
	}
	var args []string
	for _, arg := range container.Args {
		args = append(args, expand(t, arg, env))
	}
	o := options.NewOptions()
	o.FromEnvironment(func(name string) string { return env[name] })
	fs := flag.NewFlagSet("vmgroup-controller", flag.ContinueOnError)
	o.AddFlags(fs)
	options.AddLoggingFlags(fs)
	for _, err := range o.Parse(fs, args) {
		t.Errorf("the controller says of its options: %v", err)
	}
	return o
}

// expand puts in what the environment has. What it has not, the kubelet would leave as it is.
func expand(t *testing.T, arg string, env map[string]string) string {
	t.Helper()
	return regexp.MustCompile(`\$\([^)]*\)`).ReplaceAllStringFunc(arg, func(reference string) string {
		value, ok := env[reference[2:len(reference)-1]]
		if !ok {
			t.Errorf("%s refers to what is not in the environment", arg)
		}
		return value
	})
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
