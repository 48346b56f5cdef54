package crd

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// TestClassSpec is TestSpec for classes. None of them is kept.
func TestClassSpec(t *testing.T) {
	const valid = "controllerName: vmgroup\ntemplateFolder: t\nzones: [{name: a, cluster: c}]\n"
	network := func(fields string) string { return valid + "networks: [{name: web, path: front, " + fields + "}]" }
	zone := func(fields string) string { return strings.Replace(valid, "cluster: c}", "cluster: c, "+fields+"}", 1) }
	const oneStorage = "set at most one of datastore, datastoreCluster and storagePolicy"
	for _, tc := range []struct{ name, spec, want string }{
		{"a datastore", zone("datastore: d"), ""},
		{"a datastore cluster", zone("datastoreCluster: d"), ""},
		{"a storage policy", zone("storagePolicy: gold"), ""},
		{"a datastore and a datastore cluster", zone("datastore: d, datastoreCluster: d"), oneStorage},
		{"a datastore and a storage policy", zone("datastore: d, storagePolicy: gold"), oneStorage},
		{"a datastore cluster and a storage policy", zone("datastoreCluster: d, storagePolicy: gold"), oneStorage},
		{"a datastore cluster without a name", zone("datastoreCluster: ''"), "spec.zones[0].datastoreCluster"},
		{"a long storage policy", zone("storagePolicy: " + strings.Repeat("x", 257)), "spec.zones[0].storagePolicy"},
		{"the least", valid, ""},
		{"no zone", "controllerName: vmgroup\ntemplateFolder: t\nzones: []\n", "spec.zones"},
		{"two zones of a name", strings.Replace(valid, "}]", "}, {name: a, cluster: d}]", 1), "Duplicate value"},
		{"no template folder", "controllerName: vmgroup\nzones: [{name: a, cluster: c}]\n", "spec.templateFolder: Required value"},
		{"a controller that is no name", strings.Replace(valid, "vmgroup", "Vc 1", 1), "spec.controllerName"},
		{"all of a network", network("cidr: 10.1.0.0/24, gateway: 10.1.0.1, nameservers: [10.1.0.2, '2001:db8::2']"), ""},
		{"all of a network of IPv6", network("cidr: '2001:db8:1::/64', gateway: '2001:db8:1::1'"), ""},
		{"a cidr that is none", network("cidr: 10.1.0.0"), "must be a CIDR"},
		{"a gateway that is none", network("cidr: 10.1.0.0/24, gateway: router"), "must be an IP address"},
		{"a gateway without a cidr", network("gateway: 10.1.0.1"), "gateway must lie in cidr"},
		{"a gateway outside", network("cidr: 10.1.0.0/24, gateway: 10.2.0.1"), "gateway must lie in cidr"},
		{"a name server that is none", network("nameservers: [dns]"), "must be an IP address"},
		{"four name servers", network("nameservers: [10.1.0.2, 10.1.0.3, 10.1.0.4, 10.1.0.5]"), "spec.networks[0].nameservers"},
		{"clone modes", valid + "cloneModes: [Linked, Full]", ""},
		{"no clone mode", valid + "cloneModes: []", "spec.cloneModes"},
		{"a clone mode twice", valid + "cloneModes: [Full, Full]", "Duplicate value"},
		{"a clone mode that is none", valid + "cloneModes: [Instant]", "Unsupported value"},
		{"customization specs", valid + "customizationSpecs: [domain, 'Linux, plain']", ""},
		{"a customization spec twice", valid + "customizationSpecs: [domain, domain]", "Duplicate value"},
		{"a customization spec without a name", valid + "customizationSpecs: ['']", "spec.customizationSpecs[0]"},
		{"tags", valid + "tags: [backup/daily, 'owner/the shop']", ""},
		{"a tag without a category", valid + "tags: [daily]", "spec.tags[0]"},
		{"a tag below a tag", valid + "tags: [a/b/c]", "spec.tags[0]"},
		{"a tag twice", valid + "tags: [a/b, a/b]", "Duplicate value"},
		{"limits of nothing", valid + "limits: {}", "spec.limits in body should have at least 1 properties"},
		{"a limit of 0", valid + "limits: {cpu: 0}", "spec.limits.cpu"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			class := &unstructured.Unstructured{Object: map[string]any{}}
			class.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("VmGroupClass"))
			class.SetName("gold")
			var spec any
			if err := yaml.Unmarshal([]byte(tc.spec), &spec); err != nil {
				t.Fatal(err)
			}
			class.Object["spec"] = spec
			_, err := objects.Resource(v1alpha1.SchemeGroupVersion.WithResource("vmgroupclasses")).Create(t.Context(), class,
				metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
			wantError(t, err, tc.want)
		})
	}
}
