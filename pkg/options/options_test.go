package options

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// load does what main does.
func load(t *testing.T, env map[string]string, args ...string) *Options {
	t.Helper()
	o := NewOptions()
	o.FromEnvironment(func(name string) string { return env[name] })
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.AddFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatalf("parse %v: %v", args, err)
	}
	return o
}

func TestPrecedence(t *testing.T) {
	type want struct {
		URL, User, Password, Datacenter string
		Insecure                        bool
	}
	vc := map[string]string{"VC_HOST": "vc.example.com", "VC_USER": "u", "VC_PASS": "p"}
	with := func(env map[string]string, pairs ...string) map[string]string {
		merged := map[string]string{}
		for k, v := range env {
			merged[k] = v
		}
		for i := 0; i < len(pairs); i += 2 {
			merged[pairs[i]] = pairs[i+1]
		}
		return merged
	}
	tests := map[string]struct {
		env  map[string]string
		args []string
		want want
	}{
		"the seed's variables": {
			env:  vc,
			want: want{URL: "https://vc.example.com:443/sdk", User: "u", Password: "p"},
		},
		"a port of its own": {
			env:  with(vc, "VC_PORT", "8989"),
			want: want{URL: "https://vc.example.com:8989/sdk", User: "u", Password: "p"},
		},
		"an IPv6 address": {
			env:  with(vc, "VC_HOST", "2001:db8::1"),
			want: want{URL: "https://[2001:db8::1]:443/sdk", User: "u", Password: "p"},
		},
		"a host with its port": {
			env:  with(vc, "VC_HOST", "[2001:db8::1]:8443"),
			want: want{URL: "https://[2001:db8::1]:8443/sdk", User: "u", Password: "p"},
		},
		"VC wins over GOVC": {
			env:  with(vc, "GOVC_URL", "https://a:b@other/sdk", "GOVC_USERNAME", "c", "GOVC_PASSWORD", "d"),
			want: want{URL: "https://vc.example.com:443/sdk", User: "u", Password: "p"},
		},
		"a bare host in GOVC_URL": {
			env:  map[string]string{"GOVC_URL": "vc2", "GOVC_USERNAME": "c", "GOVC_PASSWORD": "d"},
			want: want{URL: "https://vc2:443/sdk", User: "c", Password: "d"},
		},
		"a URL with a user": {
			env:  map[string]string{"GOVC_URL": "https://a%40b.c:p%2Fw@vc2:8989/sdk"},
			want: want{URL: "https://vc2:8989/sdk", User: "a@b.c", Password: "p/w"},
		},
		"the variables win over the URL's user": {
			env:  map[string]string{"GOVC_URL": "https://a:b@vc2", "GOVC_USERNAME": "c", "GOVC_PASSWORD": "d"},
			want: want{URL: "https://vc2:443/sdk", User: "c", Password: "d"},
		},
		"the URL's user is for the URL's host only": {
			env:  map[string]string{"VC_HOST": "vc", "GOVC_URL": "https://a:b@vc2"},
			want: want{URL: "https://vc:443/sdk"},
		},
		"a simulator without TLS": {
			env:  map[string]string{"GOVC_URL": "http://a:b@127.0.0.1:8989/sdk", "GOVC_INSECURE": "1"},
			want: want{URL: "http://127.0.0.1:8989/sdk", User: "a", Password: "b", Insecure: true},
		},
		"a flag wins over the environment": {
			env:  with(vc, "GOVC_DATACENTER", "dc1", "GOVC_INSECURE", "true"),
			args: []string{"-datacenter", "dc2", "--vcenter-insecure=false"},
			want: want{URL: "https://vc.example.com:443/sdk", User: "u", Password: "p", Datacenter: "dc2"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			v := load(t, tc.env, tc.args...).VCenter
			got := want{URL: v.URL().String(), User: v.Username, Password: v.Password, Datacenter: v.Datacenter, Insecure: v.Insecure}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	good := map[string]string{"VC_HOST": "vc", "VC_USER": "u", "VC_PASS": "p"}
	tests := map[string]struct {
		env  map[string]string
		args []string
		want []string // a part of each error, in order
	}{
		"all well":           {env: good},
		"nothing given":      {want: []string{"VC_HOST", "VC_USER and VC_PASS"}},
		"user, no password":  {env: map[string]string{"VC_HOST": "vc", "VC_USER": "u", "GOVC_PASSWORD": "p"}, want: []string{"VC_PASS"}},
		"credentials in dir": {env: map[string]string{"VC_HOST": "vc"}, args: []string{"-vcenter-credentials-dir=/secret"}},
		"bad port":           {env: map[string]string{"VC_HOST": "vc", "VC_PORT": "https", "VC_USER": "u", "VC_PASS": "p"}, want: []string{`VC_PORT has the port "https"`}},
		"URL as host":        {env: map[string]string{"VC_HOST": "https://u:secret@vc", "VC_USER": "u", "VC_PASS": "p"}, want: []string{"VC_HOST is not a host name", "no vCenter"}},
		"unreadable URL":     {env: map[string]string{"GOVC_URL": "https://u:se%zzcret@vc", "GOVC_USERNAME": "u", "GOVC_PASSWORD": "p"}, want: []string{"GOVC_URL cannot be read", "no vCenter"}},
		"http in the clear":  {env: map[string]string{"GOVC_URL": "http://u:p@vc"}, want: []string{"unencrypted"}},
		"other scheme":       {env: map[string]string{"GOVC_URL": "ftp://u:p@vc", "GOVC_INSECURE": "1"}, want: []string{`scheme "ftp"`}},
		"unclear insecure":   {env: map[string]string{"VC_HOST": "vc", "VC_USER": "u", "VC_PASS": "p", "GOVC_INSECURE": "maybe"}, want: []string{`GOVC_INSECURE is "maybe"`}},
		"all at once": {env: good,
			args: []string{"-workers=0", "-kube-api-burst=0", "-kube-api-qps=0", "-resync-period=1s", "-namespace=A_b", "-owner-id=a b",
				"-logging-format=xml", "-metrics-addr=8080", "-health-addr=x:y", "-max-clones=0", "-clone-timeout=5s"},
			want: []string{"-workers is 0", "-kube-api-burst is 0", "-kube-api-qps is 0", "-resync-period is 1s", `-namespace is "A_b"`,
				`-owner-id is "a b"`, `-logging-format is "xml"`, `-metrics-addr is "8080"`, `-health-addr is "x:y"`, "-max-clones is 0", "-clone-timeout is 5s"}},
		"thumbprint and insecure":            {env: good, args: []string{"-vcenter-insecure", "-vcenter-thumbprint=AB:CD"}, want: []string{"one or the other", `-vcenter-thumbprint is "AB:CD"`}},
		"good thumbprint":                    {env: good, args: []string{"-vcenter-thumbprint=" + strings.TrimSuffix(strings.Repeat("AB:", 32), ":")}},
		"no root":                            {env: good, args: []string{"-folder=/"}, want: []string{`-folder is "/"`}},
		"templates in the root":              {env: good, args: []string{"-folder=a", "-template-folder=a/b"}, want: []string{"neither to lie in the other"}},
		"templates in the root, whole paths": {env: good, args: []string{"-folder=/DC0/vm/a", "-template-folder=/DC0/vm/a/b"}, want: []string{"neither to lie in the other"}},
		// What is whole and what is not can be compared only where the datacenter is known.
		"a whole path and another": {env: good, args: []string{"-folder=a", "-template-folder=/a/b"}},
		"a path that leads up":     {env: good, args: []string{"-folder=a/../b"}, want: []string{`-folder is "a/../b"`}},
		"templates in dots":        {env: good, args: []string{"-template-folder=./b"}, want: []string{`-template-folder is "./b"`}},
		"root in the templates":    {env: good, args: []string{"-folder=a/b", "-template-folder=a/"}, want: []string{"neither to lie in the other"}},
		"side by side":             {env: good, args: []string{"-folder=a", "-template-folder=ab"}},
		"ports differ":             {env: good, args: []string{"-metrics-addr=:8081"}, want: []string{"two ports"}},
		"no servers":               {env: good, args: []string{"-metrics-addr=0", "-health-addr="}},
		"any port, twice":          {env: good, args: []string{"-metrics-addr=:0", "-health-addr=:0"}},
		"profiles":                 {env: good, args: []string{"-profiling"}},
		"profiles, no server":      {env: good, args: []string{"-profiling", "-metrics-addr=0"}, want: []string{"-profiling is set"}},
		"election out of order": {env: good,
			args: []string{"-leader-elect-lease-duration=10s", "-leader-elect-renew-deadline=10s", "-leader-elect-retry-period=10s", "-leader-elect-resource-name="},
			want: []string{`-leader-elect-resource-name is ""`, "-leader-elect-renew-deadline is 10s", "-leader-elect-lease-duration is 10s"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			errs := load(t, tc.env, tc.args...).Validate()
			if len(errs) != len(tc.want) {
				t.Fatalf("got %d errors, want %d: %v", len(errs), len(tc.want), errs)
			}
			for i, err := range errs {
				if !strings.Contains(err.Error(), tc.want[i]) {
					t.Errorf("error %d: got %q, want it to contain %q", i, err, tc.want[i])
				}
				if strings.Contains(err.Error(), "secret@") || strings.Contains(err.Error(), "cret@") {
					t.Errorf("error %d shows the password: %q", i, err)
				}
			}
		})
	}
}

// The flags are an interface that people's manifests rely on.
func TestFlagNamesAndDefaults(t *testing.T) {
	want := map[string]string{
		"kubeconfig": "", "master": "", "namespace": "", "workers": "4", "kube-api-qps": "500", "kube-api-burst": "1000", "resync-period": "10m0s",
		"vcenter-insecure": "false", "vcenter-ca-file": "", "vcenter-thumbprint": "", "vcenter-credentials-dir": "",
		"datacenter": "", "cluster": "", "controller-name": "vmgroup", "host": "", "resource-pool": "", "datastore": "", "template-folder": "", "folder": "vmgroups",
		"max-clones": "16", "clone-timeout": "30m0s", "owner-id": "", "read-only": "false",
		"leader-elect": "true", "leader-elect-lease-duration": "15s", "leader-elect-renew-deadline": "10s", "leader-elect-retry-period": "2s",
		"leader-elect-resource-name": "vmgroup-controller", "leader-elect-resource-namespace": "",
		"metrics-addr": ":8080", "health-addr": ":8081", "profiling": "false", "logging-format": "text", "version": "false",
	}
	got := map[string]string{}
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	NewOptions().AddFlags(fs)
	fs.VisitAll(func(f *flag.Flag) { got[f.Name] = f.DefValue })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
}

func TestNoArguments(t *testing.T) {
	if errs := noArguments(nil); len(errs) != 0 {
		t.Errorf("none: got %v", errs)
	}
	if errs := noArguments([]string{"false", "-workers=2"}); len(errs) != 1 || !strings.Contains(errs[0].Error(), `"false"`) {
		t.Errorf("one: got %v", errs)
	}
}

func TestExplain(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-help"}, 0, ""},
		{[]string{"-workers=0", "-max-clones=0"}, 2, "-workers is 0"},
	} {
		fs := flag.NewFlagSet("test", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		o := NewOptions()
		o.AddFlags(fs)
		var out strings.Builder
		code := Explain(&out, o.Parse(fs, tc.args))
		if code != tc.code || !strings.HasPrefix(out.String(), tc.want) || (tc.code == 0) != (out.Len() == 0) {
			t.Errorf("%v: %d, %q; want %d, %q", tc.args, code, out.String(), tc.code, tc.want)
		}
	}
}

func TestLoggingFlags(t *testing.T) {
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	AddLoggingFlags(fs)
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	if diff := cmp.Diff([]string{"v", "vmodule"}, names); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
}

func TestHelpShowsNoCredential(t *testing.T) {
	o := NewOptions()
	env := map[string]string{"GOVC_URL": "https://someone:hunter2@vc", "VC_PASS": "hunter2"}
	o.FromEnvironment(func(name string) string { return env[name] })
	var help strings.Builder
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(&help)
	o.AddFlags(fs)
	fs.PrintDefaults()
	if strings.Contains(help.String(), "hunter2") {
		t.Errorf("-help shows the password:\n%s", help.String())
	}
}

func TestCredentialsAreReadAnew(t *testing.T) {
	mount := t.TempDir()
	version := func(name, user, password string) {
		t.Helper()
		dir := filepath.Join(mount, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "username"), user)
		writeFile(t, filepath.Join(dir, "password"), password)
		link := filepath.Join(mount, "..data_tmp")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(mount, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	source := (&VCenter{CredentialsDir: mount, Username: "not", Password: "used"}).Credentials()
	for i, want := range [][2]string{{"u1", " p 1 "}, {"u2", "p2"}} {
		version("v"+want[0], want[0]+"\n", want[1]+"\r\n")
		user, password, err := source.Get()
		if err != nil || user != want[0] || password != want[1] {
			t.Errorf("step %d: got %q, %q, %v; want %q, %q", i+1, user, password, err, want[0], want[1])
		}
	}
}

func TestCredentialsOfPlainFiles(t *testing.T) {
	dir := t.TempDir()
	source := (&VCenter{CredentialsDir: dir}).Credentials()
	if _, _, err := source.Get(); err == nil {
		t.Error("no files: got no error")
	}
	writeFile(t, filepath.Join(dir, "username"), "u\n")
	writeFile(t, filepath.Join(dir, "password"), "\n")
	if _, _, err := source.Get(); err == nil || !strings.Contains(err.Error(), "password is empty") {
		t.Errorf("empty password: got %v", err)
	}
	writeFile(t, filepath.Join(dir, "password"), "p")
	if user, password, err := source.Get(); err != nil || user != "u" || password != "p" {
		t.Errorf("got %q, %q, %v", user, password, err)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want []string // one line each
	}{
		"unknown flag":          {[]string{"-no-such-flag"}, []string{"-no-such-flag"}},
		"value that is no int":  {[]string{"-workers=many"}, []string{`"many"`}},
		"several at once":       {[]string{"-workers=0", "-max-clones=0"}, []string{"-workers is 0", "-max-clones is 0"}},
		"version needs nothing": {[]string{"-version"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := NewOptions()
			if name == "several at once" {
				o.VCenter.Host, o.VCenter.Username, o.VCenter.Password = "vcenter", "user", "pass"
			}
			fs := flag.NewFlagSet("test", flag.ContinueOnError)
			o.AddFlags(fs)
			errs := o.Parse(fs, c.args)
			if len(errs) != len(c.want) {
				t.Fatalf("%d errors, want %d: %v", len(errs), len(c.want), errs)
			}
			for i, err := range errs {
				if text := err.Error(); !strings.Contains(text, c.want[i]) || strings.Contains(text, "\n") {
					t.Errorf("error %d is %q, want one line with %q", i, text, c.want[i])
				}
			}
		})
	}
}
