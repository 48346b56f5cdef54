package observability

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// The passwords have characters that XML, JSON, URLs and shells write in another way.
const (
	user          = "canary-user@vsphere.local"
	goodPassword  = `C4nary-g00d <&"pw'>%2B/+\ü`
	newPassword   = `C4nary-n3w <&"pw'>%2B/+\ü`
	wrongPassword = `C4nary-wr0ng <&"pw'>%2B/+\ü`
	token         = "C4nary.t0ken-of-the-service-account.abc"
)

// rotating: two passwords are refused, each once, and the invariant knows the user alone.
var rotating = invariants.Options{LoginEvery: time.Nanosecond}

// secrets collects what must not be seen. It listens on the lines to both servers for what it cannot know before.
type secrets struct {
	mu     sync.Mutex
	values map[string]string // what it is, by value
}

func newSecrets() *secrets {
	return &secrets{values: map[string]string{
		goodPassword: "the password", newPassword: "the new password", wrongPassword: "the refused password", token: "the token",
	}}
}

func (s *secrets) add(value, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[value] = what
}

type tap func(*http.Request) (*http.Response, error)

func (f tap) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// vCenter learns the sessions' cookies.
func (s *secrets) vCenter(next http.RoundTripper) http.RoundTripper {
	return tap(func(r *http.Request) (*http.Response, error) {
		for _, cookie := range r.Cookies() {
			s.add(cookie.Value, "a session's cookie")
		}
		return next.RoundTrip(r)
	})
}

// kubernetes takes the token off, which the API server does not know.
func (s *secrets) kubernetes(next http.RoundTripper) http.RoundTripper {
	return tap(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Authorization") == "Bearer "+token {
			s.add("Bearer "+token, "the token, sent")
		}
		r = r.Clone(r.Context())
		r.Header.Del("Authorization")
		return next.RoundTrip(r)
	})
}

// has reports whether a secret of that kind has been met.
func (s *secrets) has(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.values {
		if w == what {
			return true
		}
	}
	return false
}

// search fails the test if a text shows a secret.
func (s *secrets) search(t *testing.T, where, text string) {
	t.Helper()
	if found := s.find(text); found != "" {
		t.Errorf("%s shows %s", where, found)
	}
}

// find returns which secret a text shows, however it is written, and where; or nothing.
func (s *secrets) find(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text += dumped(text)
	for value, what := range s.values {
		for _, written := range spellings(value) {
			if i := strings.Index(text, written); i >= 0 {
				return fmt.Sprintf("%s: …%s…", what, text[max(0, i-200):min(len(text), i+len(written)+50)])
			}
		}
	}
	return ""
}

var dumpLine = regexp.MustCompile(`[0-9a-f]{8}  ((?:[0-9a-f]{2} {1,2})+) *\|`)

// dumped returns what a text shows as hex dumps, which is how client-go logs bodies that are not JSON: in lines of 16 bytes.
func dumped(text string) string {
	var out strings.Builder
	for _, line := range dumpLine.FindAllStringSubmatch(text, -1) {
		bytes, err := hex.DecodeString(strings.ReplaceAll(line[1], " ", ""))
		if err == nil { // what is no dump is no matter
			out.Write(bytes)
		}
	}
	return out.String()
}

// spellings is how a secret may be written.
func spellings(value string) []string {
	quoted := strconv.Quote(value)
	inJSON, _ := json.Marshal(value) // a string can always be marshalled
	var inXML bytes.Buffer
	_ = xml.EscapeText(&inXML, []byte(value)) // a buffer takes everything
	out := []string{
		value, quoted[1 : len(quoted)-1], string(inJSON[1 : len(inJSON)-1]), inXML.String(), html.EscapeString(value),
		strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value), // JSON of those who leave < and & alone
		url.QueryEscape(value), url.PathEscape(value), url.UserPassword("", value).String()[1:], hex.EncodeToString([]byte(value)),
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		out = append(out, strings.TrimRight(encoding.EncodeToString([]byte(value)), "="), // and as a part of something longer
			encoding.WithPadding(base64.NoPadding).EncodeToString([]byte(user+":"+value)))
	}
	return out
}

// TestSearch shows that the search finds what is there.
func TestSearch(t *testing.T) {
	inJSON, err := json.Marshal("a" + goodPassword)
	harness.Must(t, err)
	dump := hex.Dump([]byte("some bytes before " + goodPassword + " and after"))
	inDump, err := json.Marshal(dump)
	harness.Must(t, err)
	for name, text := range map[string]string{
		"plain":          "password is " + goodPassword + "!",
		"Go":             strconv.Quote("x" + goodPassword),
		"URL":            (&url.URL{Scheme: "https", Host: "vc", User: url.UserPassword("a", goodPassword)}).String(),
		"query":          url.Values{"password": {goodPassword}}.Encode(),
		"JSON":           string(inJSON),
		"HTML":           "<password>" + html.EscapeString(goodPassword) + "</password>",
		"base64":         base64.StdEncoding.EncodeToString([]byte(goodPassword)),
		"basic auth":     base64.StdEncoding.EncodeToString([]byte(user + ":" + goodPassword)),
		"dumped":         dump,
		"dumped in JSON": string(inDump),
	} {
		if found := newSecrets().find(text); found == "" {
			t.Errorf("%s: the password is not found in %s", name, text)
		}
	}
	if found := newSecrets().find("user " + user + " has no password"); found != "" {
		t.Errorf("found %s", found)
	}
}

// TestNoSecretIsShown takes the binary that ships, with everything logged that can be, through logins that succeed and that
// are refused, a rotation and errors of vCenter, and searches what it shows to anybody.
func TestNoSecretIsShown(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			w := newWorld(t, vcsim.Options{Username: user, Password: goodPassword}, rotating)
			s := newSecrets()
			dir, rotate := credentials(t, user, wrongPassword)
			c := w.StartChild(harness.ChildOptions{
				CredentialsDir: dir, Args: []string{"-v=10", "-logging-format=" + format}, Token: token,
				WrapKubernetes: s.kubernetes, WrapVCenter: s.vCenter,
			})
			t.Cleanup(c.Stop)
			walk(t, w, rotate)
			metrics, err := c.MetricsText(t.Context())
			harness.Must(t, err)
			showsSomething(t, "/metrics", metrics, `vmgroup_logins_total{result="Refused"} 2`)
			s.search(t, "/metrics", metrics)
			searchAPI(t, w, s)
			c.Stop()
			log := c.Log()
			showsSomething(t, "the log", log, user, "Request Body", "Response Body", "curl -v", "Authorization: Bearer", "coordination.k8s.io")
			s.search(t, "the log", log)
			for _, what := range []string{"a session's cookie", "the token, sent"} {
				if !s.has(what) {
					t.Errorf("%s was never met: the search for it proves nothing", what)
				}
			}
		})
	}
}

// walk has the controller go through what has to do with secrets, and ends with a password that is good.
func walk(t *testing.T, w *harness.World, rotate func(string)) {
	t.Helper()
	vc := w.VCenter.Control
	w.Create(w.Group("web", 1))
	reachable(w, v1alpha1.ReasonCredentialsRejected)
	rotate(goodPassword)
	w.Ready("web", 1)

	for _, fault := range []control.Fault{
		{Method: "CloneVM_Task", Type: "NoPermission", PrivilegeID: "VirtualMachine.Provisioning.DeployTemplate", Count: 1},
		{Method: "CloneVM_Task", Type: control.LostReply, Count: 1},
		{Method: "CloneVM_Task", Type: "NoDiskSpace", TaskLevel: true, Count: 1},
		{Method: "RetrievePropertiesEx", Type: control.Unavailable, Count: 1},
		{Method: "RetrievePropertiesEx", Type: control.Cut, Skip: 1, Count: 1},
	} {
		harness.Must(t, vc.AddFault(t.Context(), fault))
	}
	w.Scale("web", 2)
	w.Eventually("a clone has failed", func() error {
		vg, err := w.Get("web")
		if err == nil && vg.Status.Phase == v1alpha1.PhaseReady {
			err = fmt.Errorf("the group is %s", vg.Status.Phase)
		}
		return err
	})
	harness.Must(t, vc.ClearFaults(t.Context()))
	w.Scale("web", 1)
	w.Ready("web", 1)
	for _, outage := range []control.Outage{control.OutageRefuse, control.OutageUnavailable} {
		harness.Must(t, vc.SetOutage(t.Context(), outage))
		reachable(w, v1alpha1.ReasonVCenterUnreachable)
		harness.Must(t, vc.SetOutage(t.Context(), control.OutageOff))
		w.Ready("web", 1)
	}
	harness.Must(t, vc.SetPassword(t.Context(), user, newPassword))
	harness.Must(t, vc.EndSessions(t.Context()))
	reachable(w, v1alpha1.ReasonCredentialsRejected)
	rotate(newPassword)
	w.Ready("web", 1)
}

// reachable waits until vCenter is told to be out of reach for a reason.
func reachable(w *harness.World, reason string) {
	w.T.Helper()
	w.Eventually("vCenter is out of reach: "+reason, func() error {
		vg, err := w.Get("web")
		if err != nil {
			return err
		}
		c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionVCenterReachable)
		if c == nil || c.Status != metav1.ConditionFalse || c.Reason != reason {
			return fmt.Errorf("the condition is %+v", c)
		}
		return nil
	})
}

// searchAPI searches what the controller has written to the API server.
func searchAPI(t *testing.T, w *harness.World, s *secrets) {
	t.Helper()
	events, err := w.Kube.CoreV1().Events(w.Namespace).List(t.Context(), metav1.ListOptions{})
	harness.Must(t, err)
	leases, err := w.Kube.CoordinationV1().Leases(w.Namespace).List(t.Context(), metav1.ListOptions{})
	harness.Must(t, err)
	groups, err := w.List()
	harness.Must(t, err)
	for what, list := range map[string]struct {
		objects any
		sign    string
	}{
		"an Event":  {events.Items, v1alpha1.ReasonAllReplicasAvailable},
		"a Lease":   {leases.Items, user},
		"a VmGroup": {groups, v1alpha1.ReasonVCenterConnected},
	} {
		text, err := json.Marshal(list.objects)
		harness.Must(t, err)
		showsSomething(t, what, string(text), list.sign)
		s.search(t, what, string(text))
	}
}

// showsSomething makes sure that a text is what is to be searched.
func showsSomething(t *testing.T, where, text string, signs ...string) {
	t.Helper()
	for _, sign := range signs {
		if !strings.Contains(text, sign) {
			t.Errorf("%s does not show %q: nothing is proven by what it does not show", where, sign)
		}
	}
}

// TestNoSecretInProfiles takes every profile there is of a process in which a controller runs that has logged in and that was
// refused.
func TestNoSecretInProfiles(t *testing.T) {
	w := newWorld(t, vcsim.Options{Username: user, Password: goodPassword}, rotating)
	s := newSecrets()
	dir, rotate := credentials(t, user, wrongPassword)
	w.StartController("-vcenter-credentials-dir", dir)
	w.Create(w.Group("web", 1))
	reachable(w, v1alpha1.ReasonCredentialsRejected)
	searchProfiles(t, s)
	rotate(goodPassword)
	w.Ready("web", 1)
	searchProfiles(t, s)
}

func searchProfiles(t *testing.T, s *secrets) {
	t.Helper()
	for _, profile := range pprof.Profiles() {
		for debug := range 3 { // binary and compressed, as text, and as the runtime prints it
			var text bytes.Buffer
			harness.Must(t, profile.WriteTo(&text, debug))
			if debug > 0 && profile.Name() == "goroutine" {
				showsSomething(t, "the profile of goroutines", text.String(), "pkg/vsphere/vim")
			}
			s.search(t, fmt.Sprintf("the profile %s (debug=%d)", profile.Name(), debug), text.String())
		}
	}
}
