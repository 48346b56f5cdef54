package sim

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"sigs.k8s.io/yaml"
)

// Inventory describes the first datacenter in place of Options.Clusters, Hosts, Pools and Datastores: which cluster has which
// datastores and networks. Other datacenters then have nothing but their folders. Names may be escaped, as those of the flags.
type Inventory struct {
	Clusters          []Cluster          `json:"clusters"`
	Datastores        []string           `json:"datastores"`
	DatastoreClusters []DatastoreCluster `json:"datastoreClusters,omitempty"`
	StoragePolicies   []StoragePolicy    `json:"storagePolicies,omitempty"`
	Networks          []Network          `json:"networks"`
	Templates         []Template         `json:"templates,omitempty"`
}

// Cluster is one cluster. Its hosts have the datastores and networks that it lists, and no other.
type Cluster struct {
	Name       string   `json:"name"`
	Hosts      int      `json:"hosts,omitempty"` // default 1
	DRSOff     bool     `json:"drsOff,omitempty"`
	Pools      []string `json:"pools,omitempty"` // paths below the root pool
	Datastores []string `json:"datastores"`
	Networks   []string `json:"networks"`
}

// DatastoreCluster is one StoragePod.
type DatastoreCluster struct {
	Name       string   `json:"name"`
	Datastores []string `json:"datastores"`
}

// StoragePolicy is one storage policy.
type StoragePolicy struct {
	Name       string   `json:"name"`
	Datastores []string `json:"datastores"` // that satisfy it
}

// NetworkKind says what a network is made of.
type NetworkKind string

// Kinds of networks.
const (
	StandardNetwork    NetworkKind = "standard"    // a port group of the hosts' own switches
	DistributedNetwork NetworkKind = "distributed" // a port group of a distributed switch
	OpaqueNetwork      NetworkKind = "opaque"      // a network that NSX manages, and that is no port group
)

// Network is one network.
type Network struct {
	Name   string      `json:"name"`
	Kind   NetworkKind `json:"kind,omitempty"`   // default StandardNetwork
	Switch string      `json:"switch,omitempty"` // of a distributed port group; a cluster has all the networks of a switch, or none
}

// Template is one template. It is registered in the first cluster that has its datastore and its networks.
type Template struct {
	Name      string   `json:"name"`
	Folder    string   `json:"folder,omitempty"`    // path below the VM folder
	Datastore string   `json:"datastore,omitempty"` // default: the first of the inventory
	Networks  []string `json:"networks,omitempty"`  // of its network cards, in their order
	DiskGiB   int64    `json:"diskGiB,omitempty"`   // default 10
	Snapshots []string `json:"snapshots,omitempty"` // names, the oldest first
}

// ReadInventory reads an inventory from a YAML file. A field that is not known is an error.
func ReadInventory(file string) (*Inventory, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	inv := new(Inventory)
	if err := yaml.UnmarshalStrict(data, inv); err != nil {
		return nil, fmt.Errorf("inventory %s: %w", file, err)
	}
	return inv, nil
}

// check returns the first mistake of an inventory that the simulator would not notice, or notice too late.
func (inv *Inventory) check() error {
	var clusters, networks []string
	for _, c := range inv.Clusters {
		clusters = append(clusters, c.Name)
	}
	for _, n := range inv.Networks {
		networks = append(networks, n.Name)
		if err := n.check(); err != nil {
			return err
		}
	}
	if len(clusters) == 0 {
		return fmt.Errorf("there is no cluster")
	}
	if err := errors.Join(
		unique("cluster", clusters), unique("datastore", inv.Datastores), unique("network", networks),
	); err != nil {
		return err
	}
	for _, c := range inv.Clusters {
		if err := c.check(inv.Datastores, inv.Networks); err != nil {
			return fmt.Errorf("cluster %q: %w", c.Name, err)
		}
	}
	for _, d := range inv.Datastores {
		if !slices.ContainsFunc(inv.Clusters, func(c Cluster) bool { return slices.Contains(c.Datastores, d) }) {
			return fmt.Errorf("no cluster has the datastore %q", d)
		}
	}
	return inv.checkPolicies()
}

func (inv *Inventory) checkPolicies() error {
	var policies []string
	for _, p := range inv.StoragePolicies {
		policies = append(policies, p.Name)
		for _, d := range p.Datastores {
			if !slices.Contains(inv.Datastores, d) {
				return fmt.Errorf("storage policy %q: there is no datastore %q", p.Name, d)
			}
		}
	}
	return unique("storage policy", policies)
}

func (n Network) check() error {
	switch n.Kind {
	case "", StandardNetwork, OpaqueNetwork, DistributedNetwork:
	default:
		return fmt.Errorf("network %q: there is no kind %q", n.Name, n.Kind)
	}
	if (n.Kind == DistributedNetwork) != (n.Switch != "") {
		return fmt.Errorf("network %q: a distributed port group needs a switch, and nothing else has one", n.Name)
	}
	return nil
}

// check finds what a cluster lists and is not there. A host that is a member of a distributed switch has all its port groups.
func (c Cluster) check(datastores []string, networks []Network) error {
	if len(c.Datastores) == 0 {
		return fmt.Errorf("it has no datastore")
	}
	for _, d := range c.Datastores {
		if !slices.Contains(datastores, d) {
			return fmt.Errorf("there is no datastore %q", d)
		}
	}
	lists := func(n Network) bool { return slices.Contains(c.Networks, n.Name) }
	for _, name := range c.Networks {
		i := slices.IndexFunc(networks, func(n Network) bool { return n.Name == name })
		if i < 0 {
			return fmt.Errorf("there is no network %q", name)
		}
		for _, other := range networks {
			if other.Switch != "" && other.Switch == networks[i].Switch && !lists(other) {
				return fmt.Errorf("it has %q of the switch %q, and so must have %q", name, other.Switch, other.Name)
			}
		}
	}
	return nil
}

// unique returns an error if a name is empty or comes twice.
func unique(kind string, names []string) error {
	seen := map[string]bool{}
	for _, name := range names {
		switch {
		case name == "":
			return fmt.Errorf("a %s has no name", kind)
		case seen[kept(name)]:
			return fmt.Errorf("there are two %ss %q", kind, name)
		}
		seen[kept(name)] = true
	}
	return nil
}

// has reports whether the hosts of a cluster have a datastore and networks.
func (c Cluster) has(datastore string, networks []string) bool {
	return slices.Contains(c.Datastores, datastore) &&
		!slices.ContainsFunc(networks, func(n string) bool { return !slices.Contains(c.Networks, n) })
}
