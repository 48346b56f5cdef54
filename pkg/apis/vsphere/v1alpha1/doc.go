// Package v1alpha1 is the VmGroup API. A VmGroup is a group of identical vSphere virtual machines. The controller clones
// them from one template and keeps the number that you ask for.
//
// This package defines the whole API: the fields, the condition types and their reasons, the states of a VM, the
// finalizer and the annotation. hack/update-codegen.sh generates the CustomResourceDefinition, the clients and the
// deepcopy code from these files.
//
// The model package is the Go import path with its host reversed, because that is the name under which the generated
// schema and the generated type converter of the fake clientset look for each other.
//
// +k8s:deepcopy-gen=package
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=com.github.vmgroup.vmgroup-controller.pkg.apis.vsphere.v1alpha1
// +groupName=vsphere.vmware.com
package v1alpha1
