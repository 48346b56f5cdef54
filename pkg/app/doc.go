// Package app puts the controller together and runs it: main and the integration tests call Run, and nobody else.
//
// The order is what matters here. Starting: health and metrics, so that somebody who waits can see for what; then the
// checks that the cluster is fit for us (cluster.go), which wait and say why rather than fail; then the Lease
// (election.go); and only under the Lease the informers, the session with vCenter, the classes, and the workers: build.go makes them, and
// serve.go runs them.
//
// Stopping, backwards: the workers take no more keys and end their syncs; vCenter is logged out of; the informer and the
// events stop; the Lease is released, so that another replica takes over at once; health and metrics go last. Whatever
// Run has started has ended when it returns.
//
// Nothing in here is global: several Runs with different options live in one process, as tests want.
package app
