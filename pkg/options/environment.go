package options

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"unicode"
)

// FromEnvironment fills in what the environment says. It comes before AddFlags, so that flags win. What it cannot make
// sense of, Validate tells.
//
//   - Address: VC_HOST and VC_PORT, otherwise GOVC_URL (a host, host:port, or a URL, which may carry a user).
//   - Credentials: VC_USER and VC_PASS, otherwise GOVC_USERNAME and GOVC_PASSWORD, each of which may name a file that holds
//     it, otherwise the user in GOVC_URL if the address is from there too: the password in a URL is for the host in it.
//   - GOVC_INSECURE, GOVC_TLS_CA_CERTS, GOVC_DATACENTER, GOVC_CLUSTER, GOVC_HOST, GOVC_RESOURCE_POOL, GOVC_DATASTORE.
//
// GOVC_FOLDER is left out: it names where a person's own VMs are, and the controller wants a folder to itself.
func (o *Options) FromEnvironment(getenv func(string) string) {
	v := &o.VCenter
	user := o.addressFromEnvironment(getenv)
	if word(getenv("VC_USER")) != "" || secret(getenv("VC_PASS")) != "" {
		v.Username, v.Password = o.variable(getenv, "VC_USER", word), o.variable(getenv, "VC_PASS", secret)
	} else {
		o.credentialsAsGovc(getenv, user)
	}
	if text := word(getenv("GOVC_INSECURE")); text != "" {
		insecure, err := strconv.ParseBool(text)
		if err != nil {
			o.badEnvironment("GOVC_INSECURE is %q: want true or false", text)
		}
		v.Insecure = insecure && err == nil
	}
	override(&v.CAFile, o.variable(getenv, "GOVC_TLS_CA_CERTS", line))
	override(&v.Datacenter, o.variable(getenv, "GOVC_DATACENTER", line))
	override(&v.Cluster, o.variable(getenv, "GOVC_CLUSTER", line))
	override(&v.HostSystem, o.variable(getenv, "GOVC_HOST", line))
	override(&v.ResourcePool, o.variable(getenv, "GOVC_RESOURCE_POOL", line))
	override(&v.Datastore, o.variable(getenv, "GOVC_DATASTORE", line))
}

// variable reads a variable that holds one line of text, which may be secret.
func (o *Options) variable(getenv func(string) string, name string, clean func(string) string) string {
	value := clean(getenv(name))
	o.wantOneLine(name, value)
	return value
}

func (o *Options) wantOneLine(name, value string) {
	if !isOneLine(value) {
		o.badEnvironment("%s holds more than one line, or what is no text: want one line of text", name)
	}
}

// credentialsAsGovc takes the user of the URL, who may be nil, and lets GOVC_USERNAME and GOVC_PASSWORD override each half.
// A value that names a file stands for what is in the file.
func (o *Options) credentialsAsGovc(getenv func(string) string, inURL *url.Userinfo) {
	v := &o.VCenter
	v.Username = inURL.Username()
	v.Password, _ = inURL.Password()
	o.wantOneLine("GOVC_URL", v.Username+v.Password)

	username, password := o.variable(getenv, "GOVC_USERNAME", word), o.variable(getenv, "GOVC_PASSWORD", secret)
	switch {
	case namesFile(username):
		v.Username, v.UsernameFile = "", username
	case strings.HasPrefix(username, "/"): // no user is called so, and the password beside it is a path, too
		o.badEnvironment("GOVC_USERNAME is %q, and there is no such file", username)
	default:
		override(&v.Username, username)
	}
	if namesFile(password) {
		v.Password, v.PasswordFile = "", password
	} else {
		override(&v.Password, password)
	}
}

// namesFile is true for the path of a file that is there. One that may not be read counts: what is in it is meant.
func namesFile(path string) bool {
	if path == "" {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() || errors.Is(err, fs.ErrPermission)
}

// addressFromEnvironment sets the address and returns the user that goes with it, which may be nil.
func (o *Options) addressFromEnvironment(getenv func(string) string) *url.Userinfo {
	if host := word(getenv("VC_HOST")); host != "" {
		if strings.ContainsAny(host, "/@") {
			o.badEnvironment("VC_HOST is not a host name or an address: give a URL in GOVC_URL")
			return nil
		}
		o.setHost("VC_HOST", host)
		if port := word(getenv("VC_PORT")); port != "" {
			o.setPort("VC_PORT", port)
		}
		return nil
	}
	text := word(getenv("GOVC_URL"))
	if text == "" {
		return nil
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.ContainsFunc(text, unicode.IsSpace) {
		// url.Parse quotes the whole text in its error, password included.
		o.badEnvironment("GOVC_URL cannot be read as a URL: want for example https://vcenter.example.com/sdk; special characters in a user name or password must be percent-encoded")
		return nil
	}
	o.VCenter.Scheme, o.VCenter.Path = u.Scheme, u.Path
	if u.Scheme == "http" {
		o.VCenter.Port = 80
	}
	o.setHost("GOVC_URL", u.Host)
	return u.User
}

// setHost takes a host, an address in brackets or not, or either with a port.
func (o *Options) setHost(name, text string) {
	host, port, err := net.SplitHostPort(text)
	if err != nil { // no port
		host = strings.Trim(text, "[]")
	} else {
		o.setPort(name, port)
	}
	if !isHost(host) {
		o.badEnvironment("%s has the host %q: want a host name or an IP address", name, host)
	}
	o.VCenter.Host = host
}

func (o *Options) setPort(name, text string) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		o.badEnvironment("%s has the port %q: want a number from 1 to 65535", name, text)
		return
	}
	o.VCenter.Port = int(port)
}

func (o *Options) badEnvironment(format string, args ...any) {
	o.environment = append(o.environment, errors.New("environment: "+fmt.Sprintf(format, args...)))
}

func override(value *string, by string) {
	if by != "" {
		*value = by
	}
}
