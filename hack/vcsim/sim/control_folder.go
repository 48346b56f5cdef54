package sim

import (
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

func (s *Simulator) opCreateFolder(r control.Request) (any, error) {
	folder, err := s.makeFolder(r.Folder)
	if err != nil {
		return nil, err
	}
	return control.Reply{MoRef: folder.Self.Value}, nil
}

func (s *Simulator) opCreatePool(r control.Request) (any, error) {
	pool, err := s.makePool(r.Name)
	return control.Reply{MoRef: pool.Value}, err
}

func (s *Simulator) opRemoveFolder(r control.Request) (any, error) {
	folder, err := s.findFolder(r.Folder)
	if err != nil {
		return nil, err
	}
	_, err = s.do("Destroy_Task", folder.Self, &types.Destroy_Task{This: folder.Self})
	return control.Reply{MoRef: folder.Self.Value}, err
}

func (s *Simulator) opRenameFolder(r control.Request) (any, error) {
	folder, err := s.findFolder(r.Folder)
	if err != nil {
		return nil, err
	}
	_, err = s.do("Rename_Task", folder.Self, &types.Rename_Task{This: folder.Self, NewName: r.Name})
	return control.Reply{MoRef: folder.Self.Value}, err
}

func (s *Simulator) opMoveFolder(r control.Request) (any, error) {
	folder, err := s.findFolder(r.Folder)
	if err != nil {
		return nil, err
	}
	into, err := s.findFolder(r.Name)
	if err != nil {
		return nil, err
	}
	body := types.MoveIntoFolder_Task{This: into.Self, List: []types.ManagedObjectReference{folder.Self}}
	_, err = s.do("MoveIntoFolder_Task", into.Self, &body)
	return control.Reply{MoRef: folder.Self.Value}, err
}
