// Package login keeps vCenter's account from being locked: the default policy of its single sign-on locks an account at
// five failed logins within 180 s, and a controller that restarts, several of them, or a person who repeats a command can do
// that in seconds.
//
// So each attempt is written down before it is made, where it outlives the process: no write, no attempt. The controller
// writes into a Lease, which all its replicas share. The kubectl plugin writes into a file of its user for each vCenter,
// because most users may not write the Lease. What is written is when, who, and a hash of the credentials that is salted,
// slow and truncated: enough to tell whether they have changed, of little use to somebody who wants to find them.
//
// The rules, for both:
//
//  1. Credentials that were refused are not tried again for 5 minutes, and neither are those of an attempt that never
//     came to an end (the process died: it may have been refused).
//  2. Credentials that have not been tried lately are tried at once.
//  3. Whatever changes, there are at most 4 attempts within 180 s that were refused, not answered, or never came to an end;
//     by a file at most 3, which leaves room for the controller.
//  4. An attempt that was not refused counts no longer.
//  5. An attempt that vCenter did not answer may have been refused, or may not have arrived. It is tried again soon, but
//     there are at most 3 of them within 180 s: a vCenter that dies at each login is no reason to lock the account.
//  6. Of those who share a record one makes an attempt at a time. By the Lease the others are refused, and ask again; by the
//     file they wait for what comes of it.
package login
