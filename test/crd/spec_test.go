package crd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

var resource = v1alpha1.SchemeGroupVersion.WithResource("vmgroups")

// Each row is a spec as a user writes it. Specs that are refused must be refused for the reason given, so that the
// user reads which field is wrong, and why.
func TestSpec(t *testing.T) {
	const valid = "cpu: 1\nmemory: 1\ntemplate: linux\nreplicas: 3\n"
	tests := []struct {
		name string
		spec string
		want string // "" if the spec is accepted, otherwise part of the error
	}{
		{"four fields", valid, ""},
		{"all fields", valid + "paused: true", ""},
		{"absent", ``, "spec: Required value"},
		{"null", `null`, "spec: Required value"},
		{"not an object", `[]`, `spec in body must be of type object`},
		{"unknown field", valid + "cpus: 2", `unknown field "spec.cpus"`},

		{"cpu absent", `{memory: 1}`, "spec.cpu: Required value"},
		{"cpu null", `{cpu: null, memory: 1}`, "spec.cpu: Required value"},
		{"cpu 0", `{cpu: 0, memory: 1}`, "spec.cpu in body should be greater than or equal to 1"},
		{"cpu -1", `{cpu: -1, memory: 1}`, "spec.cpu in body should be greater than or equal to 1"},
		{"cpu 768", `{cpu: 768, memory: 1}`, ""},
		{"cpu 769", `{cpu: 769, memory: 1}`, "spec.cpu in body should be less than or equal to 768"},
		{"cpu beyond int32", `{cpu: 2147483648, memory: 1}`, "spec.cpu in body should be less than or equal to 768"},
		{"cpu a fraction", `{cpu: 1.5, memory: 1}`, "spec.cpu in body must be of type int32"},
		{"cpu a string", `{cpu: "1", memory: 1}`, "spec.cpu in body must be of type integer"},

		{"memory absent", `{cpu: 1}`, "spec.memory: Required value"},
		{"memory null", `{cpu: 1, memory: null}`, "spec.memory: Required value"},
		{"memory 0", `{cpu: 1, memory: 0}`, "spec.memory in body should be greater than or equal to 1"},
		{"memory 24576", `{cpu: 1, memory: 24576}`, ""},
		{"memory 24577", `{cpu: 1, memory: 24577}`, "spec.memory in body should be less than or equal to 24576"},
		{"memory a quantity", `{cpu: 1, memory: 1Gi}`, "spec.memory in body must be of type integer"},

		{"disk null", `{cpu: 1, memory: 1, disk: null}`, ""},
		{"disk 0", `{cpu: 1, memory: 1, disk: 0}`, "spec.disk in body should be greater than or equal to 1"},
		{"disk 1", `{cpu: 1, memory: 1, disk: 1}`, ""},
		{"disk 63488", `{cpu: 1, memory: 1, disk: 63488}`, ""},
		{"disk 63489", `{cpu: 1, memory: 1, disk: 63489}`, "spec.disk in body should be less than or equal to 63488"},
		{"disk a quantity", `{cpu: 1, memory: 1, disk: 20Gi}`, "spec.disk in body must be of type integer"},

		{"replicas null", `{cpu: 1, memory: 1, replicas: null}`, ""},
		{"replicas 0", `{cpu: 1, memory: 1, replicas: 0}`, ""},
		{"replicas -1", `{cpu: 1, memory: 1, replicas: -1}`, "spec.replicas in body should be greater than or equal to 0"},
		{"replicas 10000", `{cpu: 1, memory: 1, replicas: 10000}`, ""},
		{"replicas 10001", `{cpu: 1, memory: 1, replicas: 10001}`, "spec.replicas in body should be less than or equal to 10000"},

		// What a template is worth only vCenter knows: the group ends in phase ERROR and heals.
		{"template absent", `{cpu: 1, memory: 1}`, ""},
		{"template empty", `{cpu: 1, memory: 1, template: ""}`, ""},
		{"template a path", `{cpu: 1, memory: 1, template: "linux/größe %2f *"}`, ""},
		{"template a number", `{cpu: 1, memory: 1, template: 1}`, "spec.template in body must be of type string"},
		{"template of 1024", `{cpu: 1, memory: 1, template: "` + strings.Repeat("ü", 1024) + `"}`, ""},
		{"template of 1025", `{cpu: 1, memory: 1, template: "` + strings.Repeat("ü", 1025) + `"}`, "spec.template: Too long"},

		{"readiness", valid + "readiness: {type: IPAddress}", ""},
		{"readiness empty", valid + "readiness: {}", "spec.readiness.type: Required value"},
		{"readiness of no type", valid + "readiness: {type: Ping}", `spec.readiness.type: Unsupported value: "Ping"`},
		{"minReadySeconds 86400", valid + "minReadySeconds: 86400", ""},
		{"minReadySeconds 86401", valid + "minReadySeconds: 86401", "spec.minReadySeconds in body should be less than or equal to 86400"},
		{"minReadySeconds -1", valid + "minReadySeconds: -1", "spec.minReadySeconds in body should be greater than or equal to 0"},

		{"update", valid + "update: {strategy: Replace, maxSurge: 25%, maxUnavailable: 1, progressDeadlineSeconds: 60, trigger: again}", ""},
		{"update empty", valid + "update: {}", "spec.update.strategy: Required value"},
		{"update of no strategy", valid + "update: {strategy: Recreate}", `spec.update.strategy: Unsupported value: "Recreate"`},
		{"update OnDelete", valid + "update: {strategy: OnDelete, trigger: again}", ""},
		{"update OnDelete with a surge", valid + "update: {strategy: OnDelete, maxSurge: 1}", "maxSurge needs strategy Replace or InPlaceIfPossible"},
		{"update OnDelete, unavailable", valid + "update: {strategy: OnDelete, maxUnavailable: 1}", "strategy OnDelete takes no maxUnavailable, partition or progressDeadlineSeconds"},
		{"update InPlaceOnly", valid + "update: {strategy: InPlaceOnly, maxUnavailable: 0}", ""},
		{"update InPlaceOnly with a surge", valid + "update: {strategy: InPlaceOnly, maxSurge: 1}", "maxSurge needs strategy Replace or InPlaceIfPossible"},
		{"update InPlaceIfPossible", valid + "update: {strategy: InPlaceIfPossible, maxSurge: 1, maxUnavailable: 0, progressDeadlineSeconds: 60}", ""},
		{"update InPlaceIfPossible, both 0", valid + "update: {strategy: InPlaceIfPossible, maxSurge: 0, maxUnavailable: 0%}", "maxSurge and maxUnavailable cannot both be 0"},
		{"update OnDelete with a deadline", valid + "update: {strategy: OnDelete, progressDeadlineSeconds: 60}", "strategy OnDelete takes no maxUnavailable, partition or progressDeadlineSeconds"},
		{"update both 0", valid + "update: {strategy: Replace, maxSurge: 0, maxUnavailable: 0}", "maxSurge and maxUnavailable cannot both be 0"},
		{"update both 0 %", valid + "update: {strategy: Replace, maxSurge: 0%, maxUnavailable: 0}", "maxSurge and maxUnavailable cannot both be 0"},
		{"update one 0", valid + "update: {strategy: Replace, maxSurge: 0}", ""},
		{"update surge -1", valid + "update: {strategy: Replace, maxSurge: -1}", "must be 0 or more, or a percentage from 0% to 100%"},
		{"update surge 101 %", valid + "update: {strategy: Replace, maxSurge: 101%}", "must be 0 or more, or a percentage from 0% to 100%"},
		{"update surge a word", valid + "update: {strategy: Replace, maxSurge: all}", "must be 0 or more, or a percentage from 0% to 100%"},
		{"update unavailable 1.5 %", valid + "update: {strategy: Replace, maxUnavailable: 1.5%}", "must be 0 or more, or a percentage from 0% to 100%"},
		{"update partition", valid + "update: {strategy: Replace, partition: 4}", ""},
		{"update partition 0", valid + "update: {strategy: Replace, partition: 0}", ""},
		{"update partition more than replicas", valid + "update: {strategy: Replace, partition: 10001}", ""},
		{"update partition 100 %", valid + "update: {strategy: Replace, partition: 100%}", ""},
		{"update partition -1", valid + "update: {strategy: Replace, partition: -1}", "must be 0 or more, or a percentage from 0% to 100%"},
		{"update partition 101 %", valid + "update: {strategy: Replace, partition: 101%}", "must be 0 or more, or a percentage from 0% to 100%"},
		{"update partition a word", valid + "update: {strategy: Replace, partition: half}", "must be 0 or more, or a percentage from 0% to 100%"},
		{"update partition a fraction", valid + "update: {strategy: Replace, partition: 1.5}", "spec.update.partition"},
		{"update OnDelete with a partition", valid + "update: {strategy: OnDelete, partition: 1}", "strategy OnDelete takes no maxUnavailable, partition or progressDeadlineSeconds"},
		{"update deadline 59", valid + "update: {strategy: Replace, progressDeadlineSeconds: 59}", "should be greater than or equal to 60"},
		{"update deadline 604801", valid + "update: {strategy: Replace, progressDeadlineSeconds: 604801}", "should be less than or equal to 604800"},
		{"update trigger empty", valid + `update: {strategy: Replace, trigger: ""}`, "spec.update.trigger"},
		{"update trigger of 65", valid + "update: {strategy: Replace, trigger: " + strings.Repeat("x", 65) + "}", "spec.update.trigger: Too long"},

		{"power", valid + "power: {gracePeriodSeconds: 86400}", ""},
		{"power empty", valid + "power: {}", "spec.power in body should have at least 1 properties"},
		{"power off", valid + "power: {state: PoweredOff, gracePeriodSeconds: 60}", ""},
		{"power of no state", valid + "power: {state: Suspended}", `spec.power.state: Unsupported value: "Suspended"`},
		{"power replaced", valid + "power: {state: PoweredOn, onPowerOff: Replace}", ""},
		{"power off and replaced", valid + "power: {state: PoweredOff, onPowerOff: Replace}", "onPowerOff Replace needs state PoweredOn"},
		{"power off and on", valid + "power: {state: PoweredOff, onPowerOff: PowerOn}", ""},
		{"health empty", valid + "health: {}", "spec.health.action: Required value"},
		{"health without a timeout", valid + "health: {action: Reset}", "set startupTimeoutSeconds, unreadyTimeoutSeconds, or both"},
		{"health", valid + "health: {action: Replace, startupTimeoutSeconds: 60, unreadyTimeoutSeconds: 86400, maxUnhealthy: 100%}", ""},
		{"health of no action", valid + "health: {action: Reboot, unreadyTimeoutSeconds: 60}", `spec.health.action: Unsupported value: "Reboot"`},
		{"health too soon", valid + "health: {action: Reset, unreadyTimeoutSeconds: 59}", "should be greater than or equal to 60"},
		{"health of 41.5 %", valid + "health: {action: Reset, unreadyTimeoutSeconds: 60, maxUnhealthy: 41.5%}", "must be 0 or more, or a percentage from 0% to 100%"},
		{"power grace -1", valid + "power: {gracePeriodSeconds: -1}", "spec.power.gracePeriodSeconds in body should be greater than or equal to 0"},
		{"power grace 86401", valid + "power: {gracePeriodSeconds: 86401}", "spec.power.gracePeriodSeconds in body should be less than or equal to 86400"},

		{"scaleDown", valid + "scaleDown: {policy: HighestSlot}", ""},
		{"scaleDown empty", valid + "scaleDown: {}", "spec.scaleDown.policy: Required value"},
		{"scaleDown of no policy", valid + "scaleDown: {policy: Oldest}", `spec.scaleDown.policy: Unsupported value: "Oldest"`},
		{"members", valid + "members: [{instance: 502e5d5c-0000-4000-8000-0123456789ab, deletion: Never}]", ""},
		{"members by name", valid + "members: [{instance: web-0d1f2-0, deletion: Never}]", "spec.members[0].instance"},
		{"members in capitals", valid + "members: [{instance: 502E5D5C-0000-4000-8000-0123456789AB, deletion: Never}]", "spec.members[0].instance"},
		{"members without a word", valid + "members: [{instance: 502e5d5c-0000-4000-8000-0123456789ab}]", "spec.members[0].deletion: Required value"},
		{"members with another word", valid + "members: [{instance: 502e5d5c-0000-4000-8000-0123456789ab, deletion: Later}]", `spec.members[0].deletion: Unsupported value: "Later"`},
		{"members twice", valid + "members: [{instance: 502e5d5c-0000-4000-8000-0123456789ab, deletion: Now}, {instance: 502e5d5c-0000-4000-8000-0123456789ab, deletion: Never}]", "spec.members[1]: Duplicate value"},
		{"deletionPolicy", valid + "deletionPolicy: Orphan", ""},
		{"deletionPolicy of no such name", valid + "deletionPolicy: Keep", `spec.deletionPolicy: Unsupported value: "Keep"`},

		{"guest", valid + "guest: {hostnamePrefix: web, cloudInit: {userDataSecretRef: {name: web, key: a.b_c-d}, sshAuthorizedKeys: [k]}}", ""},
		{"guest that is told its hostname alone", valid + "guest: {cloudInit: {}}", ""},
		{"guest empty", valid + "guest: {}", "spec.guest in body should have at least 1 properties"},
		{"guest with a prefix alone", valid + "guest: {hostnamePrefix: web}", "hostnamePrefix needs cloudInit"},
		{"guest with a prefix that is no label", valid + "guest: {hostnamePrefix: web., cloudInit: {}}", "spec.guest.hostnamePrefix"},
		{"guest with a prefix of 57", valid + "guest: {hostnamePrefix: " + strings.Repeat("x", 57) + ", cloudInit: {}}", ""},
		{"guest with a prefix of 58", valid + "guest: {hostnamePrefix: " + strings.Repeat("x", 58) + ", cloudInit: {}}", "spec.guest.hostnamePrefix: Too long"},
		{"guest with a Secret without a name", valid + "guest: {cloudInit: {userDataSecretRef: {key: a}}}", "spec.guest.cloudInit.userDataSecretRef.name: Required value"},
		{"guest with a Secret elsewhere", valid + "guest: {cloudInit: {userDataSecretRef: {name: ../b/web}}}", "spec.guest.cloudInit.userDataSecretRef.name"},
		{"guest with a key that is a path", valid + "guest: {cloudInit: {userDataSecretRef: {name: a, key: a/b}}}", "spec.guest.cloudInit.userDataSecretRef.key"},
		{"guest with an SSH key twice", valid + "guest: {cloudInit: {sshAuthorizedKeys: [k, k]}}", "spec.guest.cloudInit.sshAuthorizedKeys[1]: Duplicate value"},
		{"addresses", valid + "networks: [{name: a, addresses: [10.0.0.1, 10.0.0.5-10.0.0.9]}, {name: b, addresses: ['2001:db8::1-2001:db8::9']}]\nguest: {cloudInit: {}}", ""},
		{"addresses that nobody sets", valid + "networks: [{name: a, addresses: [10.0.0.1]}]", "networks[].addresses need guest.cloudInit or guest.customizationSpec"},
		{"apart", valid + "antiAffinity: Preferred", ""},
		{"apart at any price", valid + "antiAffinity: Required", "Unsupported value"},
		{"two ways to tell a guest", valid + "guest: {cloudInit: {}, customizationSpec: domain}", "cloudInit and customizationSpec exclude each other"},
		{"addresses, none", valid + "networks: [{name: a, addresses: []}]\nguest: {cloudInit: {}}", "spec.networks[0].addresses"},
		{"addresses that are none", valid + "networks: [{name: a, addresses: [web]}]\nguest: {cloudInit: {}}", "each entry is an IP address, or two with a hyphen between them"},
		{"addresses of a CIDR", valid + "networks: [{name: a, addresses: [10.0.0.0/24]}]\nguest: {cloudInit: {}}", "each entry is an IP address"},
		{"addresses of three", valid + "networks: [{name: a, addresses: [10.0.0.1-10.0.0.2-10.0.0.3]}]\nguest: {cloudInit: {}}", "each entry is an IP address"},
		{"clone", valid + "clone: {mode: Linked, snapshot: v1}", ""},
		{"clone empty", valid + "clone: {}", "spec.clone in body should have at least 1 properties"},
		{"clone Full", valid + "clone: {mode: Full}", ""},
		{"clone of no mode", valid + "clone: {mode: Instant}", `spec.clone.mode: Unsupported value: "Instant"`},
		{"clone Linked, of the current snapshot", valid + "clone: {mode: Linked}", ""},
		{"clone Full with a snapshot", valid + "clone: {mode: Full, snapshot: v1}", "snapshot needs mode Linked"},
		{"clone with a snapshot alone", valid + "clone: {snapshot: v1}", "snapshot needs mode Linked"},
		{"clone of a snapshot without a name", valid + `clone: {mode: Linked, snapshot: ""}`, "spec.clone.snapshot"},
		{"clone of a snapshot of 80", valid + "clone: {mode: Linked, snapshot: " + strings.Repeat("x", 80) + "}", ""},
		{"clone of a snapshot of 81", valid + "clone: {mode: Linked, snapshot: " + strings.Repeat("x", 81) + "}", "spec.clone.snapshot: Too long"},
		{"clone Linked with a disk", valid + "disk: 20\nclone: {mode: Linked}", "disk cannot be set with clone.mode Linked"},
		{"clone Full with a disk", valid + "disk: 20\nclone: {mode: Full}", ""},

		{"paused a string", `{cpu: 1, memory: 1, paused: "yes"}`, "spec.paused in body must be of type boolean"},
	}
	for i, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := create(t, fmt.Sprintf("spec-%d", i), tc.spec)
			wantError(t, err, tc.want)
		})
	}
}

func TestDefaults(t *testing.T) {
	for i, spec := range []string{`{cpu: 1, memory: 2}`, `{cpu: 1, memory: 2, replicas: null}`} {
		got, err := create(t, fmt.Sprintf("defaults-%d", i), spec)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"cpu": int64(1), "memory": int64(2), "replicas": int64(1)}
		if diff := cmp.Diff(want, got.Object["spec"]); diff != "" {
			t.Errorf("spec %s (-want +got):\n%s", spec, diff)
		}
	}
}

// The name becomes part of the VMs' names, and vCenter's names end at 80 characters.
func TestName(t *testing.T) {
	const tooLong = "metadata.name must have 63 characters or fewer"
	tests := []struct {
		name   string
		length int
		want   string
	}{
		{"of 63", 63, ""},
		{"of 64", 64, tooLong},
		{"of 253", 253, tooLong},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := create(t, strings.Repeat("n", tc.length), `{cpu: 1, memory: 1}`)
			wantError(t, err, tc.want)
		})
	}
}

// create creates a VmGroup for the time of the test from a spec in YAML, as strictly as kubectl does: a field that the
// schema does not know is an error.
func create(t *testing.T, name, spec string) (*unstructured.Unstructured, error) {
	t.Helper()
	group := &unstructured.Unstructured{Object: map[string]any{}}
	group.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("VmGroup"))
	group.SetName(name)
	if spec != "" {
		var value any
		if err := yaml.Unmarshal([]byte(spec), &value); err != nil {
			t.Fatal(err)
		}
		group.Object["spec"] = value
	}
	groups := objects.Resource(resource).Namespace(namespace)
	created, err := groups.Create(t.Context(), group, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if err == nil {
		t.Cleanup(func() { deleteGroup(t, name) })
	}
	return created, err
}

// wantError fails unless err contains the text, or is nil if there is none.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil {
		t.Errorf("refused: %v", err)
	}
	if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("error is %v\nwant one with %q", err, want)
	}
}
