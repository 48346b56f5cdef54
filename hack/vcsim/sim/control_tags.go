package sim

import (
	"errors"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

func (s *Simulator) opAddTagCategory(r control.Request) (any, error) {
	if r.TagCategory == nil || r.TagCategory.Name == "" {
		return nil, errors.New("which category?")
	}
	s.tags.mu.Lock()
	defer s.tags.mu.Unlock()
	category, added := s.tags.addCategory(*r.TagCategory)
	if !added {
		return nil, fmt.Errorf("there is a category %q already", r.TagCategory.Name)
	}
	return control.Reply{ID: category.id}, nil
}

func (s *Simulator) opAddTag(r control.Request) (any, error) {
	if r.Category == "" || r.Name == "" {
		return nil, errors.New("which tag of which category?")
	}
	id, err := s.tags.add(r.Category, r.Name)
	return control.Reply{ID: id}, err
}

func (s *Simulator) opRemoveTag(r control.Request) (any, error) {
	id, err := s.tags.find(r.Category, r.Name)
	if err != nil {
		return nil, err
	}
	s.tags.remove(id)
	return control.Reply{ID: id}, nil
}

func (s *Simulator) opAttachTag(r control.Request) (any, error) { return s.tagByHand(r, s.tags.attach) }

func (s *Simulator) opDetachTag(r control.Request) (any, error) { return s.tagByHand(r, s.tags.detach) }

func (s *Simulator) tagByHand(r control.Request, do func(string, types.ManagedObjectReference) string) (any, error) {
	vm, err := s.findVM(r.VM)
	if err != nil {
		return nil, err
	}
	id, err := s.tags.find(r.Category, r.Name)
	if err != nil {
		return nil, err
	}
	if why := do(id, vm.Self); why != "" {
		return nil, fmt.Errorf("tag %s/%s and %s: %s", r.Category, r.Name, r.VM, why)
	}
	return control.Reply{MoRef: vm.Self.Value, ID: id}, nil
}
