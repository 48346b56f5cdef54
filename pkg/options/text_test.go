package options

import (
	"flag"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every flag that takes text is typed into a file sooner or later, and files end in line breaks.
func TestEveryTextFlagIsCleaned(t *testing.T) {
	checked := 0
	all := flag.NewFlagSet("test", flag.ContinueOnError)
	NewOptions().AddFlags(all)
	all.VisitAll(func(f *flag.Flag) {
		if f.Value.Set("x\n") != nil {
			return // it takes no text: its own error tells of what it takes
		}
		checked++
		if got := f.Value.String(); got != "x" {
			t.Errorf("-%s with a line break at its end is %q", f.Name, got)
		}
		for _, text := range []string{"x\ny", "x\x00y", "\ufeffx", "x\xff"} {
			fs := flag.NewFlagSet("test", flag.ContinueOnError)
			o := NewOptions()
			o.AddFlags(fs)
			errs := o.Parse(fs, []string{"-" + f.Name + "=" + text})
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), "flag -"+f.Name) {
				t.Errorf("-%s=%q: got %v", f.Name, text, errs)
			}
		}
	})
	if checked < 17 {
		t.Errorf("%d flags take text: are all of them seen?", checked)
	}
}

func TestBlanksAroundFlags(t *testing.T) {
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o := NewOptions()
	o.AddFlags(fs)
	err := fs.Parse([]string{
		"-namespace= ns\t", "-owner-id=me ", "-metrics-addr=:1\r\n", "-logging-format= json", "-master= https://api ",
		"-datacenter= DC 0 \n", "-folder=a b \r\n", "-vcenter-ca-file= ca.pem \n",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{o.Namespace, o.OwnerID, o.MetricsAddr, o.LoggingFormat, o.Master, o.VCenter.Datacenter, o.VCenter.Folder, o.VCenter.CAFile}
	want := []string{"ns", "me", ":1", "json", "https://api", " DC 0 ", "a b ", " ca.pem "}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("value %d is %q, want %q", i, got[i], want[i])
		}
	}
}

func TestBlanksInVariables(t *testing.T) {
	o := load(t, map[string]string{
		"VC_HOST": " vc.example.com\r\n", "VC_PORT": "8443\n", "VC_USER": "DOMAIN\\some one \n", "VC_PASS": " p w \t\r\n",
		"GOVC_INSECURE": "true\n", "GOVC_DATACENTER": " DC 0 \n", "GOVC_CLUSTER": "c\n", "GOVC_RESOURCE_POOL": "r\n", "GOVC_DATASTORE": "d\r\n",
	})
	if errs := o.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	v := o.VCenter
	got := []string{v.URL().String(), v.Username, v.Password, v.Datacenter, v.Cluster, v.ResourcePool, v.Datastore}
	want := []string{"https://vc.example.com:8443/sdk", `DOMAIN\some one`, " p w \t", " DC 0 ", "c", "r", "d"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("value %d is %q, want %q", i, got[i], want[i])
		}
	}
	o = load(t, map[string]string{"GOVC_URL": " https://vc/sdk\n", "GOVC_USERNAME": " u\n", "GOVC_PASSWORD": "p\n", "GOVC_TLS_CA_CERTS": "a.pem:b.pem\n"})
	v = o.VCenter
	if errs := o.Validate(); len(errs) > 0 || v.URL().String() != "https://vc:443/sdk" || v.Username != "u" || v.Password != "p" || v.CAFile != "a.pem:b.pem" {
		t.Errorf("got %+v, %v", v, errs)
	}
}

// Whatever is wrong in a variable is told at the start, with its name, once, and without a password.
func TestVariablesThatAreRefused(t *testing.T) {
	vc := func(name, value string) map[string]string {
		env := map[string]string{"VC_HOST": "vc", "VC_USER": "u", "VC_PASS": "p"}
		env[name] = value
		return env
	}
	govc := func(name, value string) map[string]string {
		env := map[string]string{"GOVC_URL": "vc", "GOVC_USERNAME": "u", "GOVC_PASSWORD": "p"}
		env[name] = value
		return env
	}
	for name, tc := range map[string]struct {
		env  map[string]string
		want string
	}{
		"a blank in the host":             {vc("VC_HOST", "vc example.com"), `VC_HOST has the host "vc example.com"`},
		"a line break in the host":        {vc("VC_HOST", "vc\nexample.com"), `VC_HOST has the host "vc\nexample.com"`},
		"two ports":                       {vc("VC_HOST", "vc:443:443"), `VC_HOST has the host "vc:443:443"`},
		"an invisible character":          {vc("VC_HOST", "vc\u200b"), `VC_HOST has the host "vc\u200b"`},
		"a blank in the port":             {vc("VC_PORT", "4 43"), `VC_PORT has the port "4 43"`},
		"two lines in the user name":      {vc("VC_USER", "u\nhunter2"), "VC_USER holds"},
		"two lines in the password":       {vc("VC_PASS", "hunter2\nhunter2"), "VC_PASS holds"},
		"two line breaks at its end":      {vc("VC_PASS", "hunter2\n\n"), "VC_PASS holds"},
		"no UTF-8":                        {vc("VC_PASS", "hunter2\xff"), "VC_PASS holds"},
		"a line break in the datacenter":  {vc("GOVC_DATACENTER", "a\nb"), "GOVC_DATACENTER holds"},
		"a line break in the cluster":     {vc("GOVC_CLUSTER", "a\nb"), "GOVC_CLUSTER holds"},
		"a line break in the pool":        {vc("GOVC_RESOURCE_POOL", "a\nb"), "GOVC_RESOURCE_POOL holds"},
		"a line break in the datastore":   {vc("GOVC_DATASTORE", "a\nb"), "GOVC_DATASTORE holds"},
		"a line break in the CA's path":   {vc("GOVC_TLS_CA_CERTS", "a\nb"), "GOVC_TLS_CA_CERTS holds"},
		"a blank in the URL's host":       {govc("GOVC_URL", "https://u:hunter2@v c"), "GOVC_URL cannot be read"},
		"a blank in the URL's path":       {govc("GOVC_URL", "https://u:hunter2@vc/s dk"), "GOVC_URL cannot be read"},
		"a host that is none in the URL":  {govc("GOVC_URL", "https://u:hunter2@v$c"), `GOVC_URL has the host "v$c"`},
		"a line break in the URL's user":  {map[string]string{"GOVC_URL": "https://u%0A:hunter2@vc"}, "GOVC_URL holds"},
		"two lines in govc's user name":   {govc("GOVC_USERNAME", "u\nhunter2"), "GOVC_USERNAME holds"},
		"two lines in govc's password":    {govc("GOVC_PASSWORD", "hunter2\nhunter2"), "GOVC_PASSWORD holds"},
		"a user name from no file at all": {govc("GOVC_USERNAME", "/no/such/file"), `GOVC_USERNAME is "/no/such/file", and there is no such file`},
	} {
		t.Run(name, func(t *testing.T) {
			errs := load(t, tc.env).Validate()
			var told int
			for _, err := range errs {
				if strings.Contains(err.Error(), tc.want) {
					told++
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("the password is shown: %v", err)
				}
			}
			if told != 1 {
				t.Errorf("got %v, want %q once", errs, tc.want)
			}
		})
	}
	if errs := load(t, vc("VC_USER", "u"), "-master=https://a b").Validate(); len(errs) != 1 || !strings.Contains(errs[0].Error(), `-master is "https://a b"`) {
		t.Errorf("a blank in -master: %v", errs)
	}
}

func TestHostsThatAreAccepted(t *testing.T) {
	for _, host := range []string{"vc", "VC-1.example.com.", "10.0.0.1", "2001:db8::1", "[2001:db8::1]", "fe80::1%eth0", "vc_1", "bücher.example"} {
		o := load(t, map[string]string{"VC_HOST": host, "VC_USER": "u", "VC_PASS": "p"})
		if errs := o.Validate(); len(errs) > 0 {
			t.Errorf("%s: %v", host, errs)
		}
		if _, err := url.Parse(o.VCenter.URL().String()); err != nil {
			t.Errorf("%s: nothing can connect to it: %v", host, err)
		}
	}
}

// GOVC_USERNAME and GOVC_PASSWORD may name files, as govc has it; VC_USER and VC_PASS are always the words themselves.
func TestCredentialsThatNameFiles(t *testing.T) {
	dir := t.TempDir()
	user, password := filepath.Join(dir, "user"), filepath.Join(dir, "password")
	writeFile(t, user, "u1\n")
	writeFile(t, password, " p1 \r\n")
	o := load(t, map[string]string{"GOVC_URL": "https://a:b@vc", "GOVC_USERNAME": user + "\n", "GOVC_PASSWORD": password + "\n"})
	if errs := o.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	source := o.VCenter.Credentials()
	want := func(u, p string) {
		t.Helper()
		if gotUser, gotPassword, err := source.Get(); err != nil || gotUser != u || gotPassword != p {
			t.Errorf("got %q, %q, %v; want %q, %q", gotUser, gotPassword, err, u, p)
		}
	}
	refused := func(part string) {
		t.Helper()
		if _, _, err := source.Get(); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q", err, part)
		}
	}
	want("u1", "p1")
	writeFile(t, password, "p2")
	want("u1", "p2") // it was rotated
	writeFile(t, password, "p2\np3\n")
	refused("GOVC_PASSWORD")
	writeFile(t, password, "\n")
	refused("GOVC_PASSWORD")
	if err := os.Remove(password); err != nil {
		t.Fatal(err)
	}
	refused("GOVC_PASSWORD") // and the path is never taken for the password
	writeFile(t, user, "u\nu")
	refused("GOVC_USERNAME")

	writeFile(t, user, "u1")
	v := load(t, map[string]string{"VC_HOST": "vc", "VC_USER": user, "VC_PASS": user}).VCenter
	if gotUser, gotPassword, err := v.Credentials().Get(); err != nil || gotUser != user || gotPassword != user {
		t.Errorf("VC_USER and VC_PASS: got %q, %q, %v", gotUser, gotPassword, err)
	}
}

func TestCredentialsOfSeveralLines(t *testing.T) {
	dir := t.TempDir()
	source := (&VCenter{CredentialsDir: dir}).Credentials()
	for _, tc := range []struct{ user, password, want string }{
		{"u", "p\nq\n", "password holds"},
		{"u", "p\n\n", "password holds"},
		{"u", "\xff\xfep\x00", "password holds"},
		{"u\nv", "p", "username holds"},
		{" \n", "p", "username is empty"},
	} {
		writeFile(t, filepath.Join(dir, "username"), tc.user)
		writeFile(t, filepath.Join(dir, "password"), tc.password)
		if _, _, err := source.Get(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q, %q: got %v, want %q", tc.user, tc.password, err, tc.want)
		}
	}
	writeFile(t, filepath.Join(dir, "username"), " u \r\n")
	writeFile(t, filepath.Join(dir, "password"), " p \r\n")
	if user, password, err := source.Get(); err != nil || user != "u" || password != " p " {
		t.Errorf("got %q, %q, %v", user, password, err)
	}
}
