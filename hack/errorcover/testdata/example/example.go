// Package example has branches that handle an error, and others.
package example

import "errors"

// ErrOdd is an error.
var ErrOdd = errors.New("odd")

// Twice has branches of each kind. Its test calls it with 1, 2 and 4.
func Twice(n int) (int, error) {
	if n < 0 { // no error
		return 0, nil
	}
	if err := odd(n); errors.Is(err, ErrOdd) { // executed
		return 0, err
	} else if n == 8 { // no error
		return 16, nil
	}
	if err := big(n); err == nil { // executed
		return 2 * n, nil
	} // so is the rest
	switch err := big(n); {
	case errors.Is(err, ErrOdd): // not executed
		return 0, err
	case n == 4: // executed
		return 0, nil
	default: // not executed
		return 0, err
	}
}

func odd(n int) error {
	if n%2 == 1 {
		return ErrOdd
	}
	return nil
}

func big(n int) error {
	err := odd(n)
	if err != nil {
		// unreachable: Twice has asked
		return err
	}
	if n > 3 {
		return errors.New("big")
	}
	return nil
}
