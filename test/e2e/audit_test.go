package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
)

// request is what the API server's audit log says of a request.
type request struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	RequestURI string `json:"requestURI"`
}

// auditSize returns how long the audit log is by now.
func auditSize(t testing.TB) int64 {
	t.Helper()
	info, err := os.Stat(auditLog)
	harness.Must(t, err)
	return info.Size()
}

// audit returns what the controller has asked the API server for since the site was made.
func (s *site) audit() []request {
	t := s.T
	t.Helper()
	f, err := os.Open(auditLog)
	harness.Must(t, err)
	defer f.Close()
	_, err = f.Seek(s.auditFrom, io.SeekStart)
	harness.Must(t, err)
	user := fmt.Sprintf("system:serviceaccount:%s:%s", install.System, account)
	var out []request
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		harness.Must(t, json.Unmarshal(lines.Bytes(), &r))
		if r.User.Username == user {
			out = append(out, r)
		}
	}
	harness.Must(t, lines.Err())
	return out
}

// noneDenied fails if the controller was refused anything.
func (s *site) noneDenied() {
	t, requests := s.T, s.audit()
	t.Helper()
	if len(requests) == 0 {
		t.Error("the audit log has no request of the controller")
	}
	for _, r := range requests {
		if r.Verb == "get" && strings.Contains(r.RequestURI, "/secrets/guests-example?") {
			continue // until a Role lets the controller read it, see tellsGuests
		}
		if r.ResponseStatus.Code == 401 || r.ResponseStatus.Code == 403 {
			t.Errorf("%s %s was answered with %d", r.Verb, r.RequestURI, r.ResponseStatus.Code)
		}
	}
}

// permission is one verb on one resource that a rule grants.
type permission struct{ verb, group, resource, name string }

func (p permission) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s.%s %s", p.verb, p.resource, p.group, p.name))
}

// allUsed fails if a rule grants what the controller has never made use of. A watch is on record when it has ended.
func (s *site) allUsed(rules []rbacv1.PolicyRule) {
	s.T.Helper()
	requests := s.audit()
	for _, p := range permissions(rules) {
		used := slices.ContainsFunc(requests, p.usedBy)
		if p.verb == "list" { // this API server streams lists with a watch, and older ones do not
			streamed := p
			streamed.verb = "watch"
			used = used || slices.ContainsFunc(requests, streamed.usedBy)
		}
		if !used {
			s.T.Errorf("never used: %s", p)
		}
	}
}

func permissions(rules []rbacv1.PolicyRule) []permission {
	var out []permission
	for _, rule := range rules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					for _, name := range names {
						out = append(out, permission{verb, group, resource, name})
					}
				}
			}
		}
	}
	return out
}

func (p permission) usedBy(r request) bool {
	resource := r.ObjectRef.Resource
	if r.ObjectRef.Subresource != "" {
		resource += "/" + r.ObjectRef.Subresource
	}
	return r.ResponseStatus.Code != 403 && p.verb == r.Verb && p.group == r.ObjectRef.APIGroup && p.resource == resource &&
		(p.name == "" || p.name == r.ObjectRef.Name)
}

// shippedRules returns what is bound to the controller's ServiceAccount, cluster-wide and in namespaces.
func (s *site) shippedRules() []rbacv1.PolicyRule {
	t := s.T
	t.Helper()
	bound := func(subjects []rbacv1.Subject) bool {
		return slices.ContainsFunc(subjects, func(subject rbacv1.Subject) bool {
			return subject.Kind == rbacv1.ServiceAccountKind && subject.Namespace == install.System && subject.Name == account
		})
	}
	ctx := t.Context()
	var rules []rbacv1.PolicyRule
	rbac := s.Kube.RbacV1()
	clusterBindings, err := rbac.ClusterRoleBindings().List(ctx, metav1.ListOptions{})
	harness.Must(t, err)
	for _, binding := range clusterBindings.Items {
		if bound(binding.Subjects) {
			role, err := rbac.ClusterRoles().Get(ctx, binding.RoleRef.Name, metav1.GetOptions{})
			harness.Must(t, err)
			rules = append(rules, role.Rules...)
		}
	}
	bindings, err := rbac.RoleBindings(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	harness.Must(t, err)
	for _, binding := range bindings.Items {
		if !bound(binding.Subjects) {
			continue
		}
		if binding.RoleRef.Kind == "ClusterRole" {
			role, err := rbac.ClusterRoles().Get(ctx, binding.RoleRef.Name, metav1.GetOptions{})
			harness.Must(t, err)
			rules = append(rules, role.Rules...)
			continue
		}
		role, err := rbac.Roles(binding.Namespace).Get(ctx, binding.RoleRef.Name, metav1.GetOptions{})
		harness.Must(t, err)
		rules = append(rules, role.Rules...)
	}
	if len(rules) == 0 {
		t.Fatalf("nothing is bound to the ServiceAccount %s of %s", account, install.System)
	}
	return rules
}
