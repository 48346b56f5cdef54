package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// reservePort binds a TCP port of an IPv4 address, any free one if it is 0, and keeps everybody else from it until the
// returned file is closed.
//
// Finding a port by listening and closing again leaves a moment in which another process may take it, and two clusters
// that start side by side do meet there. So the port stays bound, with SO_REUSEPORT and without listening: a process of
// this user that asks for SO_REUSEPORT too (kube-apiserver with --permit-port-sharing) can then listen on it, the kernel
// gives the port to nobody who asks for any free one, and connections reach the listener only.
func reservePort(ip string, wanted int) (port int, reservation *os.File, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("make a socket: %w", err)
	}
	unix.CloseOnExec(fd)
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, nil, fmt.Errorf("make a port shareable: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(ip).As4(), Port: wanted}); err != nil {
		return 0, nil, fmt.Errorf("reserve port %d (0: any) on %s: %w", wanted, ip, err)
	}
	addr, err := unix.Getsockname(fd)
	if err != nil {
		return 0, nil, fmt.Errorf("read the reserved port: %w", err)
	}
	inet, ok := addr.(*unix.SockaddrInet4)
	if !ok {
		return 0, nil, fmt.Errorf("reserved an address of type %T, want IPv4", addr)
	}
	return inet.Port, os.NewFile(uintptr(fd), "reserved port"), nil
}
