// Package apiproxy stands between a controller and a real Kubernetes API server, and shows the controller a view of the
// VmGroups that is late, incomplete, out of order or from the past, as caches, watches and restored backups do; or no API
// server at all.
//
// Only lists and watches of VmGroups are tampered with. Reads of one object, and writes, pass as they are: they are what a
// controller with a bad view has to hold on to. An [Outage] concerns every request.
//
// The proxy speaks plain HTTP on the loopback interface, and acts as whoever the kubeconfig it was given names. Lists and
// watches must be in JSON, as those of custom resources are.
package apiproxy
