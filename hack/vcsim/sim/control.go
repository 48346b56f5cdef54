package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// operation is one operation of the control port. What it returns is the answer.
type operation func(s *Simulator, r control.Request) (any, error)

// readings may be fetched with GET too.
var readings = map[string]operation{
	"vms":              func(s *Simulator, _ control.Request) (any, error) { return s.vms(), nil },
	"folders":          func(s *Simulator, _ control.Request) (any, error) { return s.folders(), nil },
	"tasks":            func(s *Simulator, _ control.Request) (any, error) { return s.allTasks(), nil },
	"sessions":         func(s *Simulator, _ control.Request) (any, error) { return s.listSessions(), nil },
	"calls":            func(s *Simulator, _ control.Request) (any, error) { return s.allCalls(), nil },
	"violations":       func(s *Simulator, _ control.Request) (any, error) { return s.violations.list(), nil },
	"clones":           func(s *Simulator, _ control.Request) (any, error) { return s.clones.list(), nil },
	"privileges":       func(*Simulator, control.Request) (any, error) { return control.Privileges(), nil },
	"lockout":          func(s *Simulator, _ control.Request) (any, error) { return s.sessions.lockout(s.options.Username), nil },
	"guest-clock":      func(s *Simulator, _ control.Request) (any, error) { return s.guests.clock.describe(), nil },
	"guest-states":     func(s *Simulator, _ control.Request) (any, error) { return s.guestStates(), nil },
	"power-ons":        func(s *Simulator, _ control.Request) (any, error) { return s.guests.listPowerOns(), nil },
	"shared-addresses": func(s *Simulator, _ control.Request) (any, error) { return s.guests.sharedAddresses(), nil },
	"tags":             func(s *Simulator, _ control.Request) (any, error) { return s.tags.list(), nil },
	"modules":          func(s *Simulator, _ control.Request) (any, error) { return s.modules.list(), nil },
	"leaks":            func(s *Simulator, _ control.Request) (any, error) { return s.leaks(), nil },
}

// waits may take their time; they end with the context.
var waits = map[string]func(s *Simulator, ctx context.Context, r control.Request) (any, error){
	"journal": (*Simulator).opJournal,
	"restart": (*Simulator).opRestart,
}

var changes = map[string]operation{
	"set-guest":      (*Simulator).opSetGuest,
	"set-guest-info": (*Simulator).opSetGuestInfo,
	"set-guest-ips":  (*Simulator).opSetGuestIPs,
	"advance-guests": (*Simulator).opAdvanceGuests,
	"fail-guest":     (*Simulator).opFailGuest,
	"set-vapp":       (*Simulator).opSetVApp,

	"add-customization-spec":    (*Simulator).opAddCustomizationSpec,
	"remove-customization-spec": (*Simulator).opRemoveCustomizationSpec,
	"add-tag-category":          (*Simulator).opAddTagCategory,
	"add-tag":                   (*Simulator).opAddTag,
	"remove-tag":                (*Simulator).opRemoveTag,
	"attach-tag":                (*Simulator).opAttachTag,
	"detach-tag":                (*Simulator).opDetachTag,
	"remove-module":             (*Simulator).opRemoveModule,
	"freeze-updates":            (*Simulator).opFreezeUpdates,
	"swallow-updates":           (*Simulator).opSwallowUpdates,
	"reorder-updates":           (*Simulator).opReorderUpdates,
	"hide-vms":                  (*Simulator).opHideVMs,
	"unhide-vms":                (*Simulator).opUnhideVMs,
	"set-owner":                 (*Simulator).opSetOwner,
	"deny":                      (*Simulator).opDeny,
	"allow":                     (*Simulator).opAllow,
	"destroy-vm":                (*Simulator).opDestroyVM,
	"power":                     (*Simulator).opPower,
	"rename":                    (*Simulator).opRename,
	"move":                      (*Simulator).opMove,
	"move-folder":               (*Simulator).opMoveFolder,
	"add-vm":                    (*Simulator).opAddVM,
	"clone-vm":                  (*Simulator).opCloneVM,
	"mark-template":             (*Simulator).opMarkTemplate,
	"reconfigure":               (*Simulator).opReconfigure,
	"set-hot-add":               (*Simulator).opSetHotAdd,
	"grow-disk":                 (*Simulator).opGrowDisk,
	"hide-devices":              (*Simulator).opHideDevices,
	"set-stamp":                 (*Simulator).opSetStamp,
	"set-instance":              (*Simulator).opSetInstance,
	"add-template":              (*Simulator).opAddTemplate,
	"connection":                (*Simulator).opConnection,
	"add-disk":                  (*Simulator).opAddDisk,
	"detach-disk":               (*Simulator).opDetachDisk,
	"attach-disk":               (*Simulator).opAttachDisk,
	"take-snapshot":             (*Simulator).opTakeSnapshot,
	"remove-snapshot":           (*Simulator).opRemoveSnapshot,
	"remove-object":             (*Simulator).opRemoveObject,
	"rename-object":             (*Simulator).opRenameObject,
	"move-disk":                 (*Simulator).opMoveDisk,
	"register-disk":             (*Simulator).opRegisterDisk,
	"set-datastore":             (*Simulator).opSetDatastore,
	"set-drs":                   (*Simulator).opSetDRS,
	"set-host":                  (*Simulator).opSetHost,
	"create-pool":               (*Simulator).opCreatePool,
	"create-folder":             (*Simulator).opCreateFolder,
	"remove-folder":             (*Simulator).opRemoveFolder,
	"rename-folder":             (*Simulator).opRenameFolder,
	"end-sessions":              (*Simulator).opEndSessions,
	"end-rest-sessions":         (*Simulator).opEndRESTSessions,
	"set-password":              (*Simulator).opSetPassword,
	"clone-delay":               (*Simulator).opCloneDelay,
	"outage":                    (*Simulator).opOutage,
	"add-fault":                 (*Simulator).opAddFault,
	"clear-faults":              (*Simulator).opClearFaults,
	"reset-calls":               (*Simulator).opResetCalls,
}

func (s *Simulator) controlHandler() http.Handler {
	mux := http.NewServeMux()
	for name, op := range readings {
		mux.Handle("GET /"+name, s.serveOperation(op))
		mux.Handle("POST /"+name, s.serveOperation(op))
	}
	for name, op := range changes {
		mux.Handle("POST /"+name, s.serveOperation(op))
	}
	for name, op := range waits {
		mux.Handle("POST /"+name, s.serveWait(op))
	}
	return mux
}

func (s *Simulator) serveOperation(op operation) http.Handler {
	return s.serveWait(func(s *Simulator, _ context.Context, r control.Request) (any, error) { return op(s, r) })
}

func (s *Simulator) serveWait(op func(*Simulator, context.Context, control.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req control.Request
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil && !errors.Is(err, io.EOF) {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		res, err := op(s, r.Context(), req)
		var lookup *lookupError
		switch {
		case errors.As(err, &lookup):
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(res); err != nil {
			log.Printf("control %s: %v", strings.TrimPrefix(r.URL.Path, "/"), err)
		}
	})
}

func (s *Simulator) listSessions() []control.Session {
	out := []control.Session{}
	for _, session := range s.liveSessions() {
		out = append(out, control.Session{
			Kind: control.SessionSOAP, User: session.UserName, UserAgent: session.UserAgent, LoginTime: session.LoginTime,
		})
	}
	return append(out, s.rest.list()...)
}

func (s *Simulator) allCalls() control.Calls {
	out := s.calls.snapshot()
	out.LoginsOK, out.LoginsRefused = s.sessions.logins()
	return out
}

func (s *Simulator) opResetCalls(control.Request) (any, error) {
	s.calls.reset()
	s.sessions.resetLogins()
	return control.Reply{}, nil
}

func (s *Simulator) opEndSessions(control.Request) (any, error) {
	s.endSessions()
	return control.Reply{}, nil
}

func (s *Simulator) opSetPassword(r control.Request) (any, error) {
	s.sessions.setPassword(r.User, r.Password)
	return control.Reply{}, nil
}

func (s *Simulator) opCloneDelay(r control.Request) (any, error) {
	s.SetCloneDelay(r.Delay)
	return control.Reply{}, nil
}

func (s *Simulator) opOutage(r control.Request) (any, error) {
	return control.Reply{}, s.gate.set(r.Outage, r.Delay)
}

func (s *Simulator) opAddFault(r control.Request) (any, error) {
	if r.Fault == nil {
		return nil, fmt.Errorf("no fault")
	}
	return control.Reply{}, s.faults.add(*r.Fault)
}

func (s *Simulator) opClearFaults(control.Request) (any, error) {
	s.faults.clear()
	return control.Reply{}, nil
}
