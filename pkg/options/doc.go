// Package options holds everything that can be said to the controller from outside: flags, files and environment.
//
// What a person says last and closest wins: a flag, then a file, then VC_*, then GOVC_*. The environment is read into the
// defaults of the flags, so that -help shows what holds without any flag. Validate tells all mistakes at once.
//
// Line breaks and blanks around a value that nobody can mean are taken off; see text.go.
package options
