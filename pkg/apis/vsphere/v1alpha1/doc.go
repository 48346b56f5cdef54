// Package v1alpha1 is the VmGroup API: a group of identical vSphere virtual machines, cloned from one template and kept
// at the number asked for.
//
// Everything a reader of the API can see is defined here: the fields, the condition types and their reasons, the states
// of a VM, the finalizer and the annotation. The CustomResourceDefinition, the clients and the deepcopy code are
// generated from these files by hack/update-codegen.sh.
//
// The model package is the Go import path with its host reversed, because that is the name under which the generated
// schema and the generated type converter of the fake clientset look for each other.
//
// +k8s:deepcopy-gen=package
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=com.github.vmgroup.vmgroup-controller.pkg.apis.vsphere.v1alpha1
// +groupName=vsphere.vmware.com
package v1alpha1
