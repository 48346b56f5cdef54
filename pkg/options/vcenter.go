package options

import (
	"flag"
	"net"
	"net/url"
	"strconv"
	"time"
)

const defaultPort = 443

// VCenter says where vCenter is and what of it is used.
type VCenter struct {
	// Scheme is https, or http where Insecure is set: a simulator without TLS.
	Scheme string
	Host   string
	Port   int
	// Path of the SOAP API; empty means /sdk.
	Path string

	// Insecure accepts any certificate.
	Insecure bool
	// CAFile holds PEM certificates that are trusted instead of the system's. Several files are separated as in $PATH.
	CAFile string
	// Thumbprint is the one certificate that is accepted, whoever signed it.
	Thumbprint string

	// CredentialsDir holds files username and password. Where it is empty, Username and Password count.
	CredentialsDir     string
	Username, Password string
	// UsernameFile and PasswordFile, where GOVC_USERNAME and GOVC_PASSWORD name them, hold what Username and Password do not.
	UsernameFile, PasswordFile string

	// Each of these is a name or an inventory path, and may be empty where there is only one to choose.
	Datacenter, Cluster, ResourcePool, Datastore string

	// HostSystem is the name or inventory path of the one host that clones go to. Empty: each goes where vCenter, or, without
	// DRS, the controller sends it.
	HostSystem string

	// TemplateFolder is where templates are looked for. Empty means the whole datacenter.
	TemplateFolder string
	// Folder is the root of all groups' folders, below the datacenter's VM folder. Both are paths from there, or, with a
	// slash in front, from the root of the inventory.
	Folder string

	MaxClones    int
	CloneTimeout time.Duration
}

// URL returns the address of the SOAP API, without credentials.
func (v *VCenter) URL() *url.URL {
	u := &url.URL{Scheme: v.Scheme, Host: net.JoinHostPort(v.Host, strconv.Itoa(v.Port)), Path: v.Path}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/sdk"
	}
	return u
}

// AddFlags registers the flags that say which vCenter is meant and where in it, with what v holds as their defaults.
func (v *VCenter) AddFlags(fs *flag.FlagSet) {
	fs.BoolVar(&v.Insecure, "vcenter-insecure", v.Insecure, "accept any certificate of vCenter: whoever is in between reads the password [GOVC_INSECURE]")
	fs.StringVar(&v.CAFile, "vcenter-ca-file", v.CAFile, "`file` with PEM certificates to trust instead of the system's, or several, separated by colons; read at each connection [GOVC_TLS_CA_CERTS]")
	fs.StringVar(&v.Thumbprint, "vcenter-thumbprint", v.Thumbprint, "`fingerprint` of the one certificate to accept, SHA-256 or SHA-1 in hex, with or without colons")
	fs.StringVar(&v.CredentialsDir, "vcenter-credentials-dir", v.CredentialsDir, "`directory` with files username and password, read again when they change; default: $VC_USER and $VC_PASS, or $GOVC_USERNAME and $GOVC_PASSWORD")
	fs.StringVar(&v.Datacenter, "datacenter", v.Datacenter, "`name` or inventory path; may be left out where there is one [GOVC_DATACENTER]")
	fs.StringVar(&v.Cluster, "cluster", v.Cluster, "`name` or inventory path of the cluster or standalone host; may be left out where there is one [GOVC_CLUSTER]")
	fs.StringVar(&v.ResourcePool, "resource-pool", v.ResourcePool, "`name` or inventory path, whole, from the datacenter, or from the cluster; default: the cluster's root pool [GOVC_RESOURCE_POOL]")
	fs.StringVar(&v.Datastore, "datastore", v.Datastore, "`name` or inventory path; may be left out where there is one [GOVC_DATASTORE]")
	fs.StringVar(&v.HostSystem, "host", v.HostSystem, "`name` or inventory path of the one host that all VMs are made on; default: vCenter's DRS chooses, or, where there is none, they are spread over the hosts [GOVC_HOST]")
	fs.StringVar(&v.TemplateFolder, "template-folder", v.TemplateFolder, "`path` of the folder with the templates, from the datacenter's VM folder or whole, watched; default: the whole datacenter is searched on demand")
	fs.StringVar(&v.Folder, "folder", v.Folder, "`path` of the folder that holds all VmGroups' folders, from the datacenter's VM folder or, with a slash in front, whole; made on demand")
}

// addCloneFlags registers those that say how clones are made.
func (v *VCenter) addCloneFlags(fs *flag.FlagSet) {
	fs.IntVar(&v.MaxClones, "max-clones", v.MaxClones, "clones under way at once, over all VmGroups")
	fs.DurationVar(&v.CloneTimeout, "clone-timeout", v.CloneTimeout, "a clone that takes longer is cancelled and looked at again")
}
