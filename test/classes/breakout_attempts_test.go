package classes

import (
	"maps"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// attempt is a VmGroup by which a tenant tries to get more than its class offers.
type attempt struct {
	object string // in YAML, over that of an honest group
	want   string // the reason for which the group makes no VM, or refused
	next   bool   // it is made in the namespace of the neighbour
	lax    bool   // fields that do not exist are dropped, and not refused
}

// refused is the outcome of an attempt that the API server does not take.
const refused = ""

func (b *breakout) attempts() []attempt {
	var all []attempt
	outcomes := map[string][]string{
		v1alpha1.ReasonTemplateNotFound:            b.templatesElsewhere(),
		v1alpha1.ReasonTemplateUnusable:            {"spec: {template: no-template}"},
		v1alpha1.ReasonTemplateEmpty:               {"spec: {template: /}", "spec: {template: ''}"},
		v1alpha1.ReasonNetworkNotOffered:           networksElsewhere(),
		v1alpha1.ReasonAddressNotInNetwork:         {address("10.2.0.11"), address("10.1.0.250-10.1.1.9"), address("2001:db8::1")},
		v1alpha1.ReasonClassNotAllowed:             {"spec: {className: " + neighboursClass + "}"},
		v1alpha1.ReasonClassNotFound:               {"spec: {className: no-such-class}"},
		v1alpha1.ReasonClassRequired:               {"spec: {className: null}", b.statusOfOthers()},
		v1alpha1.ReasonUserDataNotFound:            {userData("{name: neighbours}"), userData("{name: own, key: ..}")},
		v1alpha1.ReasonCustomizationSpecNotOffered: customizationsElsewhere(),
		v1alpha1.ReasonSnapshotNotFound:            b.snapshotsElsewhere(),
		v1alpha1.ReasonLimitExceeded:               {"spec: {cpu: 3}", "spec: {memory: 5}", "spec: {disk: 21}"},
		refused:                                    b.refusals(),
	}
	for _, want := range slices.Sorted(maps.Keys(outcomes)) {
		for _, object := range outcomes[want] {
			all = append(all, attempt{object: object, want: want})
		}
	}
	return append(all,
		attempt{object: "spec: {paused: false}", next: true, want: refused},
		attempt{object: userData("{name: neighbours, namespace: " + b.neighbour.Namespace + "}"), lax: true, want: v1alpha1.ReasonUserDataNotFound},
		attempt{object: "spec: {folder: /DC0/vm, template: silver, templateFolder: templates/silver}", lax: true, want: v1alpha1.ReasonTemplateNotFound},
	)
}

// templatesElsewhere is templates that are not in the folder of the class, by each name that they have and by each detour.
func (b *breakout) templatesElsewhere() []string {
	var out []string
	for _, template := range []string{
		"silver", "/DC0/vm/templates/silver/silver", "templates/silver/silver", "DC0/vm/templates/silver/silver",
		"../silver/silver", "./../silver/silver", "gold/../../silver/silver", "/DC0/vm/templates/gold/../silver/silver", "..",
		"..%2fsilver%2fsilver", "..%2Fsilver%2Fsilver", "%2e%2e/silver/silver", "%2fDC0%2fvm%2ftemplates%2fsilver%2fsilver",
		"/DC0%2Fvm%2Ftemplates%2Fsilver%2Fsilver", "..%252fsilver%252fsilver", `..\silver\silver`,
		"*", "../*/silver", "/DC0/vm/templates/*/silver", "s?lver", "[s]ilver", "SILVER", "silver ", "GOLD",
		b.template, "VirtualMachine:" + b.template, "/" + b.template, "moref=" + b.template,
		harness.Template, "/DC0/vm/templates/" + harness.Template,
		b.vm.Name, b.vm.Path, b.vm.MoRef, b.vm.InstanceUUID, "../../vmgroups/" + b.neighbour.Namespace + "/web/" + b.vm.Name,
	} {
		out = append(out, "spec: {template: '"+template+"'}")
	}
	return out
}

// networksElsewhere is networks by names that the class has not given them.
func networksElsewhere() []string {
	return []string{
		"spec: {networks: [{name: data}]}",              // of the other class
		"spec: {networks: [{name: db}]}",                // as vCenter calls that
		"spec: {networks: [{name: front}]}",             // as vCenter calls the own one
		"spec: {networks: [{name: network-7}]}",         // as a MoRef may look
		"spec: {networks: [{name: web}, {name: data}]}", // beside one that is offered
	}
}

func address(addresses string) string {
	return "spec: {networks: [{name: web, addresses: ['" + addresses + "']}], guest: {cloudInit: {}}}"
}

func userData(reference string) string {
	return "spec: {guest: {cloudInit: {userDataSecretRef: " + reference + "}}}"
}

func hostnames(prefix string) string {
	return "spec: {guest: {hostnamePrefix: '" + prefix + "', cloudInit: {}}}"
}

// statusOfOthers claims to be of the neighbour's class, and to have its folder, as if the controller had said so.
func (b *breakout) statusOfOthers() string {
	return "{spec: {className: null}, status: {class: " + neighboursClass + ", controllerName: breakout, folder: {path: " +
		b.neighbour.FolderPath("web") + ", moRef: " + b.vm.Folder + "}}}"
}

// customizationsElsewhere is customization specifications that are there and not offered, and others that look like the one that is.
func customizationsElsewhere() []string {
	var out []string
	for _, name := range []string{"administrators", "Domain", "DOMAIN", "domain ", " domain", "/domain", "../domain", "domain/../administrators", "dom%61in", "*"} {
		out = append(out, "spec: {guest: {customizationSpec: '"+name+"'}}")
	}
	return out
}

// snapshotsElsewhere is snapshots that the template does not have.
func (b *breakout) snapshotsElsewhere() []string {
	var out []string
	for _, name := range []string{"silver-v1", b.snapshot, "/silver-v1", "../silver/silver-v1", "v1/..", "V1", "*"} {
		out = append(out, "spec: {clone: {mode: Linked, snapshot: '"+name+"'}}")
	}
	return out
}

// refusals is what the schema, or the API server itself, does not take.
func (b *breakout) refusals() []string {
	out := []string{
		"metadata: {namespace: " + b.neighbour.Namespace + "}",
		"spec: {className: ../" + neighboursClass + "}", "spec: {className: Breakout-Silver}", "spec: {className: 'breakout%2fsilver'}",
		"spec: {networks: [{name: /DC0/network/db}]}", "spec: {networks: [{name: ../db}]}", "spec: {networks: [{name: 'Network:network-7'}]}",
		"spec: {networks: [{name: web, path: db}]}",
		address("10.1.0.11/8"), address("::ffff:10.2.0.11"), address("10.1.0.011"), address("localhost"),
		userData("{name: " + b.neighbour.Namespace + "/neighbours}"), userData("{name: ../" + b.neighbour.Namespace + "/neighbours}"),
		userData("{name: 'neighbours%2fuser-data'}"), userData("{name: ..}"), userData("{name: own, key: ../user-data}"),
		userData("{name: neighbours, namespace: " + b.neighbour.Namespace + "}"),
		"spec: {guest: {customizationSpec: ''}}", "spec: {guest: {customizationSpec: domain, cloudInit: {}}}",
		hostnames("www.example"), hostnames("a/b"), hostnames(".."), hostnames("a%2fb"), hostnames("WWW"),
		"spec: {clone: {snapshot: v1}}", "spec: {clone: {mode: linked}}", "spec: {folder: /DC0/vm}", "spec: {zone: b}",
		"spec: {replicas: -1}", "spec: {cpu: -1}",
	}
	for _, name := range []string{"..", "../web", "../../templates", "a/b", "a%2fb", "a%2Fb", "/web", "Web", "a_b"} {
		out = append(out, "metadata: {name: '"+name+"'}")
	}
	return out
}
