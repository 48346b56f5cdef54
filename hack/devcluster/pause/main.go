// Pause does nothing until it is told to end. It is what the first container of each Pod runs, which holds the Pod's
// namespaces.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	<-told
}
