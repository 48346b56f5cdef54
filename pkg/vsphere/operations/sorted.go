package operations

import "slices"

// Sorted keeps values in order and hands them out without a copy. What it has handed out never changes: the next change is
// made to a copy. A nil Sorted is an empty one that is only read.
//
// It is not safe for concurrent use; what it has handed out is.
type Sorted[T any] struct {
	compare func(a, b T) int
	values  []T
	shared  bool // values were handed out
}

// NewSorted returns an empty list. compare is 0 only for a value and the one that takes its place.
func NewSorted[T any](compare func(a, b T) int) *Sorted[T] { return &Sorted[T]{compare: compare} }

// All returns the values in order. They are not to be changed.
func (s *Sorted[T]) All() []T {
	if s == nil || len(s.values) == 0 {
		return nil
	}
	s.shared = true
	return slices.Clip(s.values)
}

// Len is how many values there are.
func (s *Sorted[T]) Len() int {
	if s == nil {
		return 0
	}
	return len(s.values)
}

// First returns the first value, the zero one if there is none. Unlike All, it hands no list out.
func (s *Sorted[T]) First() (first T) {
	if s.Len() > 0 {
		first = s.values[0]
	}
	return first
}

// Any reports whether is holds for any value of those that at orders the same. at is 0 for them, below that for what comes before.
// Unlike All, it hands no list out.
func (s *Sorted[T]) Any(at func(T) int, is func(T) bool) bool {
	if s.Len() == 0 {
		return false
	}
	i, _ := slices.BinarySearchFunc(s.values, 0, func(value T, _ int) int { return at(value) })
	for ; i < len(s.values) && at(s.values[i]) == 0; i++ {
		if is(s.values[i]) {
			return true
		}
	}
	return false
}

// Put adds a value, or replaces the one that is equal to it.
func (s *Sorted[T]) Put(value T) {
	i, found := slices.BinarySearchFunc(s.values, value, s.compare)
	s.own()
	if found {
		s.values[i] = value
		return
	}
	s.values = slices.Insert(s.values, i, value)
}

// Remove removes the value that is equal to this one, if there is one.
func (s *Sorted[T]) Remove(value T) {
	if s.Len() == 0 {
		return
	}
	i, found := slices.BinarySearchFunc(s.values, value, s.compare)
	if !found {
		return
	}
	s.own()
	s.values = slices.Delete(s.values, i, i+1)
}

// own makes a copy of values that were handed out, with room for one more.
func (s *Sorted[T]) own() {
	if s.shared {
		s.values, s.shared = append(make([]T, 0, len(s.values)+1), s.values...), false
	}
}
