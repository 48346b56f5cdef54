// Package classes keeps VmGroupClasses: it tells the adapter of vCenter which there are, writes into the status of each what it
// comes to, keeps a class as long as groups use it, and says which class a group has.
//
// It is a small controller of its own beside pkg/controller: one worker, and a key for each class. What a class means for a
// group is decided in pkg/plan.
package classes
