package options

import (
	"encoding/hex"
	"fmt"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Validate returns everything that is wrong, each error saying which flag or variable, what was given, and what would be
// right. It opens no file and no connection.
func (o *Options) Validate() []error {
	p := problems(o.environment[:len(o.environment):len(o.environment)])
	if strings.ContainsFunc(o.Master, unicode.IsSpace) {
		p.add("-master is %q: want the URL of the Kubernetes API server", o.Master)
	}
	p.atLeast("workers", o.Workers, 1)
	p.atLeast("kube-api-burst", o.KubeAPIBurst, 1)
	if o.KubeAPIQPS <= 0 {
		p.add("-kube-api-qps is %v: want more than 0", o.KubeAPIQPS)
	}
	if o.ResyncPeriod < time.Minute {
		p.add("-resync-period is %v: want 1m or more; changes are seen without it", o.ResyncPeriod)
	}
	if o.Namespace != "" {
		p.name("namespace", o.Namespace)
	}
	p.name("controller-name", o.ControllerName)
	if strings.ContainsFunc(o.OwnerID, func(r rune) bool { return r <= ' ' || r > '~' }) || len(o.OwnerID) > 128 {
		p.add("-owner-id is %q: want up to 128 printable ASCII characters without spaces", o.OwnerID)
	}
	if o.LoggingFormat != LoggingFormatText && o.LoggingFormat != LoggingFormatJSON {
		p.add("-logging-format is %q: want text or json", o.LoggingFormat)
	}
	p.listenAddress("metrics-addr", o.MetricsAddr)
	p.listenAddress("health-addr", o.HealthAddr)
	if o.HealthAddr == o.MetricsAddr && !Disabled(o.HealthAddr) && !strings.HasSuffix(o.HealthAddr, ":0") {
		p.add("-health-addr and -metrics-addr are both %q: want two ports, or \"0\" for one of them", o.HealthAddr)
	}
	if o.Profiling && Disabled(o.MetricsAddr) {
		p.add("-profiling is set and -metrics-addr is %q: want an address to serve profiles on", o.MetricsAddr)
	}
	o.VCenter.validate(&p)
	o.LeaderElection.validate(&p)
	return p
}

func (v *VCenter) validate(p *problems) {
	if v.Host == "" {
		p.add("no vCenter is named: want its host in VC_HOST, or its URL in GOVC_URL")
	}
	switch {
	case v.Scheme == "http" && !v.Insecure:
		p.add("GOVC_URL begins with http://, which sends the password unencrypted: want https://, or -vcenter-insecure as well")
	case v.Scheme != "https" && v.Scheme != "http":
		p.add("GOVC_URL has the scheme %q: want https", v.Scheme)
	}
	if v.CredentialsDir == "" && (v.Username+v.UsernameFile == "" || v.Password+v.PasswordFile == "") {
		p.add("no credentials for vCenter: want -vcenter-credentials-dir, or VC_USER and VC_PASS, or GOVC_USERNAME and GOVC_PASSWORD")
	}
	if v.Insecure && (v.CAFile != "" || v.Thumbprint != "") {
		p.add("-vcenter-insecure accepts any certificate, and yet -vcenter-ca-file or -vcenter-thumbprint says which: want one or the other (-vcenter-insecure=false overrides GOVC_INSECURE)")
	}
	if v.Thumbprint != "" {
		b, err := hex.DecodeString(strings.ReplaceAll(v.Thumbprint, ":", ""))
		if err != nil || len(b) != 20 && len(b) != 32 {
			p.add("-vcenter-thumbprint is %q: want 32 (SHA-256) or 20 (SHA-1) bytes in hex, for example AB:CD:…", v.Thumbprint)
		}
	}
	p.atLeast("max-clones", v.MaxClones, 1)
	if v.CloneTimeout < time.Minute {
		p.add("-clone-timeout is %v: want 1m or more; clones are cancelled after it", v.CloneTimeout)
	}
	p.folders(v.Folder, v.TemplateFolder)
}

func (l *LeaderElection) validate(p *problems) {
	p.name("leader-elect-resource-name", l.ResourceName)
	if l.ResourceNamespace != "" {
		p.name("leader-elect-resource-namespace", l.ResourceNamespace)
	}
	if l.RetryPeriod <= 0 {
		p.add("-leader-elect-retry-period is %v: want more than 0, for example 2s", l.RetryPeriod)
	}
	// client-go's elector jitters by 1.2 and refuses less.
	if l.RenewDeadline <= l.RetryPeriod*12/10 {
		p.add("-leader-elect-renew-deadline is %v: want more than 1.2 times -leader-elect-retry-period (%v)", l.RenewDeadline, l.RetryPeriod)
	}
	// A Lease counts in whole seconds.
	if l.LeaseDuration <= l.RenewDeadline || l.LeaseDuration < time.Second {
		p.add("-leader-elect-lease-duration is %v: want 1s or more, and more than -leader-elect-renew-deadline (%v)", l.LeaseDuration, l.RenewDeadline)
	}
}

// Disabled says whether addr asks for no server at all.
func Disabled(addr string) bool { return addr == "" || addr == "0" }

type problems []error

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

func (p *problems) atLeast(name string, value, least int) {
	if value < least {
		p.add("-%s is %d: want %d or more", name, value, least)
	}
}

// name wants what Kubernetes takes for a name, an RFC 1123 label.
func (p *problems) name(flag, value string) {
	if ok, err := regexp.MatchString(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`, value); err != nil || !ok {
		p.add("-%s is %q: want 1 to 63 lower-case letters, digits or dashes, with no dash at either end", flag, value)
	}
}

func (p *problems) listenAddress(name, addr string) {
	if Disabled(addr) {
		return
	}
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		p.add("-%s is %q: want host:port, :port, or 0 for none", name, addr)
	}
}

// folders refuses what can be seen to be wrong without asking vCenter. The adapter compares again what the paths lead to.
func (p *problems) folders(root, templates string) {
	for _, path := range []struct{ flag, value string }{{"folder", root}, {"template-folder", templates}} {
		if names := strings.Split(path.value, "/"); slices.Contains(names, "..") || slices.Contains(names, ".") {
			p.add("-%s is %q: want a path that leads down only, without . and ..", path.flag, path.value)
			return
		}
	}
	clean := func(s string) string { return strings.Trim(path.Clean("/"+s), "/") }
	r, t := clean(root), clean(templates)
	if r == "" {
		p.add("-folder is %q: want a folder of its own, for example vmgroups; never the datacenter's VM folder itself", root)
		return
	}
	whole := func(s string) bool { return strings.HasPrefix(s, "/") }
	if t == "" || whole(root) != whole(templates) { // one from the VM folder, one from the root of the inventory
		return
	}
	if r == t || strings.HasPrefix(r+"/", t+"/") || strings.HasPrefix(t+"/", r+"/") {
		p.add("-folder is %q and -template-folder is %q: want neither to lie in the other", root, templates)
	}
}

// noArguments returns an error if there is anything on the command line besides flags: a flag behind it was not read.
func noArguments(args []string) []error {
	if len(args) == 0 {
		return nil
	}
	return []error{fmt.Errorf("unexpected argument %q: want flags only, and no space in -flag=false", args[0])}
}
