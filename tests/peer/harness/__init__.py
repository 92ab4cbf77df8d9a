"""What the peer tests stand on: addresses, programs with logs, DNS, servers, clients."""
