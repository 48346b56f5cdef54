// Package sim is a simulated vCenter: govmomi's simulator, with what it lacks or gets wrong put right as far as the
// controller can tell the difference.
//
// [Start] serves a [Simulator] at a vSphere endpoint with a certificate of its own, and beside it a control port, where
// package control reads the truth and does what people and failures do to a real vCenter. Tests in the same process use
// the same port: there is one interface. Many simulators can run in one process, as nothing here is global; the stock
// simulator is not free of data races, so that under the race detector it has to be a process of its own.
//
// # How it is put together
//
// The stock simulator has one hook that sees every call before it is carried out. The gateway (dispatch.go) takes all
// calls of logged-in clients there and carries them out itself: it counts them, lets them meet fault rules, contains
// their panics, and looks in one table for the methods that are ours. That table is the list of all that differs.
//
// Changes of the inventory are heard by the hub, which marks them in the filters they concern. A long poll reads what is
// marked, once per tick, and answers with the difference to what it answered before.
//
//	sim.go options.go inventory.go   start and stop, what is simulated
//	inventory_*.go machine.go        the first datacenter as a file describes it, and virtual machines made from nothing
//	server.go cert.go                the two listeners; outage.go restart.go: the endpoint's failures as a whole
//	dispatch.go                      every call: the gateway and the table of overrides
//	request.go journal.go            the HTTP request of each call, and the record of all that happens
//	calls.go faults.go violations.go what happens to calls: counted, failed, recorded
//	sessions.go                      logins, and what sessions leave behind
//	rest.go rest_*.go                the REST endpoint: its calls, their privileges and errors, its sessions
//	tags.go control_tags.go          the tags that it attaches, and the administrators who make them
//	modules.go                       the cluster modules that it makes
//	collector.go filter.go           the property collector: polls and versions, changes and differences
//	selection.go hub.go view.go      which objects a filter is about, and how it hears of them; stale.go: or does not
//	task.go task_body.go             tasks that hold no lock and can be cancelled
//	clone.go clone_spec.go           the override of clones; clone_track.go tells of them
//	clone_linked.go snapshots.go     snapshots, and clones whose disks hang on them
//	reconfigure.go reconfigure_*.go  what may be changed of a virtual machine, and when; hotadd.go: its hot-add flags
//	policies.go policy_service.go    storage policies, and the endpoint that serves them
//	pods.go stores.go                what Storage DRS recommends; the room on datastores
//	embryo.go                        virtual machines that are visible while they are made
//	guest.go guest_*.go shutdown.go  guests: how they boot, what is heard of them, how they go down
//	cloud_seed.go cloud_network.go   what cloud-init reads of guestinfo; guest_cloud.go: how guests obey it
//	customize.go customize_specs.go  customizations, which guests carry out when they boot, and those that are stored
//	guest_address.go guest_truth.go  which addresses are in use; the truth about guests, and what they were booted with
//	nics.go networks.go mac.go       network cards: what may be changed, what they are connected to, their MAC addresses
//	foreign.go                       virtual machines by the ten thousand that are there only to be read
//	folder.go                        the other overrides of virtual machines and folders
//	grants.go privileges.go          what accounts may do, and on what
//	truth.go admin.go control*.go    the control port; control_objects.go, control_rename.go: pools, datastores and networks
//	entity.go                        names, parents, children
//
// # What it does not do
//
// It knows no privileges but those of strict mode and those that are denied, never runs out of space or hosts unless told to,
// and keeps every task for ever. Storage DRS looks at nothing but room, hosts and maintenance, and applies no recommendation.
// A linked clone takes as much room as a full one. A clone on a datastore that does not satisfy its storage policy fails, where
// some storage of a vCenter would let it be.
// Files of disks are never merged: removing a snapshot leaves the chain as it is, as vCenter must where linked clones hang on
// it. A template takes its files with it when it is destroyed; its linked clones do not notice. Guests run no user data, but keep
// it for tests to compare; they tell network cards apart by MAC addresses alone, and know version 2 of the network config,
// of which only ethernets; what others would warn of makes them fail. Unless told otherwise (embryo.go), a virtual machine that is still being made is in no watch, no view and not
// in the truth; but it is in its folder's childEntity.
//
// The REST endpoint has what govmomi's clients of sessions, tags and cluster modules call, and nothing else: it takes no tokens, and
// knows neither vCenter's limits to sessions nor those to the rate of calls. Tags go to no other vCenter. Cluster modules
// keep no virtual machines apart.
package sim
