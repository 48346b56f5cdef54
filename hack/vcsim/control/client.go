package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Client talks to one control port. It is safe for concurrent use.
type Client struct {
	url  string
	http *http.Client
}

// New returns a client of the control port at url. It makes no call.
func New(url string) *Client {
	return &Client{url: strings.TrimSuffix(url, "/"), http: &http.Client{Transport: &http.Transport{}}}
}

// Close drops idle connections. The client stays usable.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// do posts one operation and decodes the answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, op string, in Request, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("control %s: %w", op, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/"+op, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("control %s: %w", op, err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("control %s: %w", op, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return fmt.Errorf("control %s: %s: %s", op, res.Status, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("control %s: %w", op, err)
	}
	return nil
}

func get[T any](ctx context.Context, c *Client, op string) (T, error) {
	var out T
	err := c.do(ctx, op, Request{}, &out)
	return out, err
}

// made runs an operation that makes an object, and returns the object's MoRef value.
func (c *Client) made(ctx context.Context, op string, in Request) (string, error) {
	var out Reply
	err := c.do(ctx, op, in, &out)
	return out.MoRef, err
}

// VMs lists every virtual machine there is, templates and orphans included, by name.
func (c *Client) VMs(ctx context.Context) ([]VM, error) { return get[[]VM](ctx, c, "vms") }

// Folders lists every folder below the datacenters' VM folders, those included, by path.
func (c *Client) Folders(ctx context.Context) ([]Folder, error) {
	return get[[]Folder](ctx, c, "folders")
}

// Tasks lists every task since the start, in the order of their keys.
func (c *Client) Tasks(ctx context.Context) ([]Task, error) { return get[[]Task](ctx, c, "tasks") }

// Sessions lists the live logins, of both endpoints.
func (c *Client) Sessions(ctx context.Context) ([]Session, error) {
	return get[[]Session](ctx, c, "sessions")
}

// Calls returns the counters.
func (c *Client) Calls(ctx context.Context) (Calls, error) { return get[Calls](ctx, c, "calls") }

// ResetCalls sets the counters to zero.
func (c *Client) ResetCalls(ctx context.Context) error {
	return c.do(ctx, "reset-calls", Request{}, nil)
}

// Leaks counts what live sessions hold.
func (c *Client) Leaks(ctx context.Context) (Leaks, error) { return get[Leaks](ctx, c, "leaks") }

// DestroyVM deletes a virtual machine, switching it off first if need be.
func (c *Client) DestroyVM(ctx context.Context, vm string) error {
	return c.do(ctx, "destroy-vm", Request{VM: vm}, nil)
}

// PowerOn switches a virtual machine on.
func (c *Client) PowerOn(ctx context.Context, vm string) error {
	return c.do(ctx, "power", Request{VM: vm, On: true}, nil)
}

// PowerOff switches a virtual machine off.
func (c *Client) PowerOff(ctx context.Context, vm string) error {
	return c.do(ctx, "power", Request{VM: vm}, nil)
}

// Rename gives a virtual machine another name.
func (c *Client) Rename(ctx context.Context, vm, newName string) error {
	return c.do(ctx, "rename", Request{VM: vm, Name: newName}, nil)
}

// Move puts a virtual machine into another folder.
func (c *Client) Move(ctx context.Context, vm, folder string) error {
	return c.do(ctx, "move", Request{VM: vm, Folder: folder}, nil)
}

// MoveFolder puts a folder, with all that is in it, into another.
func (c *Client) MoveFolder(ctx context.Context, folder, into string) error {
	return c.do(ctx, "move-folder", Request{Folder: folder, Name: into}, nil)
}

// AddForeignVM makes a virtual machine without a stamp, switched off, and returns its MoRef value.
func (c *Client) AddForeignVM(ctx context.Context, folder, name string) (string, error) {
	return c.made(ctx, "add-vm", Request{Folder: folder, Name: name})
}

// CloneVM clones a virtual machine by hand into the folder it is in: its ExtraConfig is copied, its instanceUuid is new.
// It ignores the clone delay and returns the copy's MoRef value.
func (c *Client) CloneVM(ctx context.Context, vm, newName string) (string, error) {
	return c.made(ctx, "clone-vm", Request{VM: vm, Name: newName})
}

// MarkAsTemplate makes a virtual machine that is switched off a template.
func (c *Client) MarkAsTemplate(ctx context.Context, vm string) error {
	return c.do(ctx, "mark-template", Request{VM: vm, On: true}, nil)
}

// MarkAsVM makes a template a virtual machine.
func (c *Client) MarkAsVM(ctx context.Context, vm string) error {
	return c.do(ctx, "mark-template", Request{VM: vm}, nil)
}

// SetHotAdd sets whether CPUs and memory can be added to a virtual machine while it is on. It works on templates too, whose
// clones inherit the flags, and on one that is on, as if that had been switched on with them.
func (c *Client) SetHotAdd(ctx context.Context, vm string, cpu, memory bool) error {
	return c.do(ctx, "set-hot-add", Request{VM: vm, CPUHotAdd: cpu, MemoryHotAdd: memory}, nil)
}

// Reconfigure changes CPUs and memory, in any power state and whatever the hot-add flags; 0 leaves either as it is.
func (c *Client) Reconfigure(ctx context.Context, vm string, cpu int32, memoryMB int64) error {
	return c.do(ctx, "reconfigure", Request{VM: vm, CPU: cpu, MemoryMB: memoryMB}, nil)
}

// GrowDisk gives the first disk of a virtual machine another size. It cannot shrink.
func (c *Client) GrowDisk(ctx context.Context, vm string, gib int32) error {
	return c.do(ctx, "grow-disk", Request{VM: vm, DiskGiB: gib}, nil)
}

// HideDevices withholds the devices of a virtual machine from those who read it, or shows them again: what it takes to read them
// may be missing.
func (c *Client) HideDevices(ctx context.Context, vm string, on bool) error {
	return c.do(ctx, "hide-devices", Request{VM: vm, On: on}, nil)
}

// SetStamp writes the ExtraConfig key that carries the controller's stamp; "" takes the stamp away.
func (c *Client) SetStamp(ctx context.Context, vm, stamp string) error {
	return c.do(ctx, "set-stamp", Request{VM: vm, Stamp: stamp}, nil)
}

// SetInstance writes a virtual machine's instanceUuid, as whoever may reconfigure it can.
func (c *Client) SetInstance(ctx context.Context, vm, instance string) error {
	return c.do(ctx, "set-instance", Request{VM: vm, Name: instance}, nil)
}

// AddTemplate makes a template in a folder, which is made on demand, and returns its MoRef value.
func (c *Client) AddTemplate(ctx context.Context, name, folder string) (string, error) {
	return c.made(ctx, "add-template", Request{Name: name, Folder: folder})
}

// RemoveTemplate deletes a template.
func (c *Client) RemoveTemplate(ctx context.Context, name string) error {
	return c.do(ctx, "destroy-vm", Request{VM: name}, nil)
}

// SetConnectionState disconnects a virtual machine, or connects it again.
func (c *Client) SetConnectionState(ctx context.Context, vm string, disconnected bool) error {
	return c.do(ctx, "connection", Request{VM: vm, On: !disconnected}, nil)
}

// AddDisk attaches a disk of somebody else to a virtual machine and returns its device key.
func (c *Client) AddDisk(ctx context.Context, vm string) (int32, error) {
	var out Reply
	err := c.do(ctx, "add-disk", Request{VM: vm}, &out)
	return out.Key, err
}

// AddFirstClassDisk is AddDisk for a disk that has a life of its own, as the container storage driver makes them.
func (c *Client) AddFirstClassDisk(ctx context.Context, vm string) (int32, error) {
	var out Reply
	err := c.do(ctx, "add-disk", Request{VM: vm, On: true}, &out)
	return out.Key, err
}

// DetachDisk detaches a virtual machine's disk and leaves its files. The key 0 is the first disk.
func (c *Client) DetachDisk(ctx context.Context, vm string, key int32) error {
	return c.do(ctx, "detach-disk", Request{VM: vm, Key: key}, nil)
}

// AttachDisk attaches the first disk of another virtual machine, which keeps it, and returns its device key. That is the key
// of a disk that was detached before, if there was one: keys are used again.
func (c *Client) AttachDisk(ctx context.Context, vm, from string) (int32, error) {
	var out Reply
	err := c.do(ctx, "attach-disk", Request{VM: vm, From: from}, &out)
	return out.Key, err
}

// TakeSnapshot takes a snapshot of a virtual machine, whose disks then have a new file on top of their own.
func (c *Client) TakeSnapshot(ctx context.Context, vm string) error {
	return c.do(ctx, "take-snapshot", Request{VM: vm}, nil)
}

// TakeNamedSnapshot takes a snapshot of a virtual machine or a template, and returns the snapshot's MoRef value. A template is a
// virtual machine for a moment.
func (c *Client) TakeNamedSnapshot(ctx context.Context, vm, name string) (string, error) {
	return c.made(ctx, "take-snapshot", Request{VM: vm, Name: name})
}

// RemoveSnapshot removes the only snapshot of a name. The files of disks stay as they are: linked clones may hang on them.
func (c *Client) RemoveSnapshot(ctx context.Context, vm, name string) error {
	return c.do(ctx, "remove-snapshot", Request{VM: vm, Name: name}, nil)
}

// MoveDisk moves the first disk of a virtual machine into a new directory at the top of its datastore.
func (c *Client) MoveDisk(ctx context.Context, vm, directory string) error {
	return c.do(ctx, "move-disk", Request{VM: vm, Folder: directory}, nil)
}

// RegisterDisk makes the first disk of a virtual machine a first-class disk.
func (c *Client) RegisterDisk(ctx context.Context, vm string) error {
	return c.do(ctx, "register-disk", Request{VM: vm}, nil)
}

// CreateFolder makes a folder and those above it on demand, and returns its MoRef value.
func (c *Client) CreateFolder(ctx context.Context, path string) (string, error) {
	return c.made(ctx, "create-folder", Request{Folder: path})
}

// SetDRS turns the DRS of the first datacenter's first cluster on or off. behavior is "manual", "partiallyAutomated" or
// "fullyAutomated".
func (c *Client) SetDRS(ctx context.Context, on bool, behavior string) error {
	return c.do(ctx, "set-drs", Request{On: on, Name: behavior}, nil)
}

// SetHost changes whether a host is in maintenance mode, and its connection state: "connected" if it is left empty.
func (c *Client) SetHost(ctx context.Context, host string, maintenance bool, connection string) error {
	return c.do(ctx, "set-host", Request{Host: host, On: maintenance, Name: connection}, nil)
}

// SetDatastore bounds the room on a datastore, named as in [Client.RemoveObject], and puts it into maintenance mode or takes it out.
// The disks of virtual machines that are made from then on take up room; a nil freeGiB is as much as anybody needs.
func (c *Client) SetDatastore(ctx context.Context, datastore string, freeGiB *int64, maintenance bool) error {
	return c.do(ctx, "set-datastore", Request{Object: datastore, FreeGiB: freeGiB, On: maintenance}, nil)
}

// CreatePool makes a resource pool, and those above it on demand, below the root pool of the first datacenter's first
// cluster, and returns its MoRef value.
func (c *Client) CreatePool(ctx context.Context, path string) (string, error) {
	return c.made(ctx, "create-pool", Request{Name: path})
}

// RemoveObject removes a resource pool, a datastore or a network, by its MoRef value or the end of its inventory path, such as
// "c1/Resources/gold". The virtual machines of a pool go to the one above it; a datastore or a network in use is not removed.
func (c *Client) RemoveObject(ctx context.Context, object string) error {
	return c.do(ctx, "remove-object", Request{Object: object}, nil)
}

// RenameObject gives a resource pool, a datastore, a datastore cluster, a network or a cluster another name, used or not.
func (c *Client) RenameObject(ctx context.Context, object, newName string) error {
	return c.do(ctx, "rename-object", Request{Object: object, Name: newName}, nil)
}

// RemoveFolder destroys a folder as the stock simulator does: virtual machines in it become orphans.
func (c *Client) RemoveFolder(ctx context.Context, folder string) error {
	return c.do(ctx, "remove-folder", Request{Folder: folder}, nil)
}

// RenameFolder gives a folder another name.
func (c *Client) RenameFolder(ctx context.Context, folder, newName string) error {
	return c.do(ctx, "rename-folder", Request{Folder: folder, Name: newName}, nil)
}

// EndSessions terminates every session, of both endpoints. New logins are accepted.
func (c *Client) EndSessions(ctx context.Context) error {
	return c.do(ctx, "end-sessions", Request{}, nil)
}

// SetPassword makes a user with a password, or changes it. Sessions stay.
func (c *Client) SetPassword(ctx context.Context, user, password string) error {
	return c.do(ctx, "set-password", Request{User: user, Password: password}, nil)
}

// SetCloneDelay is how long clones take that are submitted from now on.
func (c *Client) SetCloneDelay(ctx context.Context, d time.Duration) error {
	return c.do(ctx, "clone-delay", Request{Delay: d}, nil)
}

// SetOutage starts an outage of the vSphere endpoint, or ends it. The control port is never affected.
func (c *Client) SetOutage(ctx context.Context, o Outage) error {
	return c.do(ctx, "outage", Request{Outage: o}, nil)
}

// SetSlow makes every answer of the vSphere endpoint late by d, until the outage is set to something else.
func (c *Client) SetSlow(ctx context.Context, d time.Duration) error {
	return c.do(ctx, "outage", Request{Outage: OutageSlow, Delay: d}, nil)
}

// What a restart does to clone tasks that run.
const (
	TasksFail   = "fail"   // they fail, and make no virtual machine
	TasksFinish = "finish" // they end as they would have, but at once
)

// Restart is a restart of vCenter: nobody listens, every session is gone with what it held, and clone tasks fail or
// finish. After down it listens again at the same address, and Restart returns. An outage that is set goes on.
func (c *Client) Restart(ctx context.Context, down time.Duration, tasks string) error {
	return c.do(ctx, "restart", Request{Delay: down, Tasks: tasks}, nil)
}

// AddFault adds a rule. Rules are tried in the order they were added, and one call meets one rule at most.
func (c *Client) AddFault(ctx context.Context, f Fault) error {
	return c.do(ctx, "add-fault", Request{Fault: &f}, nil)
}

// ClearFaults removes every rule.
func (c *Client) ClearFaults(ctx context.Context) error {
	return c.do(ctx, "clear-faults", Request{}, nil)
}
