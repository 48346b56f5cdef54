// Package vspheresync carries one VmGroup one step further: it gathers what is known, lets pkg/plan decide, carries the
// plan out as far as it goes, and writes the status. Each of the four has a file of its own name; none of them decides
// anything that pkg/plan could.
//
// A sync never waits for vCenter. It submits, and is called again when something has happened.
package vspheresync
