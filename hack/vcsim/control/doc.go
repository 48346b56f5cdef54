// Package control is the wire format of the simulator's control port, and a client for it.
//
// The control port is a second listener beside the vSphere endpoint. What it reads is the truth, straight from the
// simulator's registry and never through a view or a property collector; what it changes, it changes as somebody else
// in the vCenter would. Its own calls are neither counted nor faulted.
//
// Every operation is a POST of one [Request] in JSON to /<operation>, answered with 200 and JSON, or with another code
// and a text that says why. Operations that only read may also be fetched with GET.
// This package imports the standard library only, so that tests and benchmarks do not link the simulator.
package control
