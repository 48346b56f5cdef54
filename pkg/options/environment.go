package options

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// FromEnvironment fills in what the environment says. It comes before AddFlags, so that flags win. What it cannot make
// sense of, Validate tells.
//
//   - Address: VC_HOST and VC_PORT, otherwise GOVC_URL (a host, host:port, or a URL, which may carry a user).
//   - Credentials: VC_USER and VC_PASS, otherwise GOVC_USERNAME and GOVC_PASSWORD, otherwise the user in GOVC_URL if the
//     address is from there too: the password in a URL is for the host in it.
//   - GOVC_INSECURE, GOVC_TLS_CA_CERTS, GOVC_DATACENTER, GOVC_CLUSTER, GOVC_RESOURCE_POOL, GOVC_DATASTORE.
//
// GOVC_FOLDER is left out: it names where a person's own VMs are, and the controller wants a folder to itself.
func (o *Options) FromEnvironment(getenv func(string) string) {
	v := &o.VCenter
	inURL := o.addressFromEnvironment(getenv)
	switch {
	case getenv("VC_USER") != "" || getenv("VC_PASS") != "":
		v.Username, v.Password = getenv("VC_USER"), getenv("VC_PASS")
	default:
		v.Username, v.Password = inURL.Username(), ""
		v.Password, _ = inURL.Password()
		override(&v.Username, getenv("GOVC_USERNAME"))
		override(&v.Password, getenv("GOVC_PASSWORD"))
	}
	if text := getenv("GOVC_INSECURE"); text != "" {
		insecure, err := strconv.ParseBool(text)
		if err != nil {
			o.badEnvironment("GOVC_INSECURE is %q: want true or false", text)
		}
		v.Insecure = insecure && err == nil
	}
	override(&v.CAFile, getenv("GOVC_TLS_CA_CERTS"))
	override(&v.Datacenter, getenv("GOVC_DATACENTER"))
	override(&v.Cluster, getenv("GOVC_CLUSTER"))
	override(&v.ResourcePool, getenv("GOVC_RESOURCE_POOL"))
	override(&v.Datastore, getenv("GOVC_DATASTORE"))
}

// addressFromEnvironment sets the address and returns the user that goes with it, which may be nil.
func (o *Options) addressFromEnvironment(getenv func(string) string) *url.Userinfo {
	if host := getenv("VC_HOST"); host != "" {
		if strings.ContainsAny(host, "/@") {
			o.badEnvironment("VC_HOST is not a host name or an address: give a URL in GOVC_URL")
			return nil
		}
		o.setHost("VC_HOST", host)
		if port := getenv("VC_PORT"); port != "" {
			o.setPort("VC_PORT", port)
		}
		return nil
	}
	text := getenv("GOVC_URL")
	if text == "" {
		return nil
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
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
		o.VCenter.Host = strings.Trim(text, "[]")
		return
	}
	o.VCenter.Host = host
	o.setPort(name, port)
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
