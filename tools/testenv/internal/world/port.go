package world

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below the kernel's range for local ports of outgoing
// connections (32768 and up, ip_local_port_range), so that a port is still free
// when a killed server is restarted on it.
const firstPort, ports = 20000, 10000

// port is a TCP port of 127.0.0.1 that no other server of any testenv on this
// machine uses until it is released.
type port struct {
	number int
	claim  net.Listener
}

// takePort finds a free port. The claim is a Unix socket without a file: the
// kernel drops it when this process ends.
func takePort() (*port, error) {
	for range 1000 {
		number := firstPort + rand.IntN(ports)
		claim, err := net.Listen("unix", fmt.Sprintf("@testenv-port-%d", number))
		if err != nil {
			continue
		}
		probe, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", number))
		if err != nil {
			claim.Close()
			continue
		}
		probe.Close()
		return &port{number: number, claim: claim}, nil
	}
	return nil, errors.New("there is no free port on 127.0.0.1")
}

func (p *port) release() { p.claim.Close() }

// addr is the port's address.
func (p *port) addr() string { return fmt.Sprintf("127.0.0.1:%d", p.number) }
