// Package connect leads from options to the two servers, in the same way for everybody: the controller in pkg/app and the
// kubectl plugin in pkg/cli must mean the same cluster, the same vCenter and the same owner by the same words.
//
// It knows how to get there, not what to do there: it keeps nothing and starts nothing.
package connect
