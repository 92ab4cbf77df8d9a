"""A partner's side of a box whose time is measured: its network, its settings, and the first answer on its port 5269."""
import socket
import time

BOX, DOMAIN = "10.0.2.15", "near.example"  # qemu's own network behind the host's address
HEADER = ("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='far.example' "
          f"to='{DOMAIN}'>")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def network(port):
    """qemu's words for the box's one interface, whose port 5269 is the host's `port`."""
    return f"user,restrict=on,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-{BOX}:5269"


def commit(machine, *lines):
    for line in lines:
        said = machine.command(line)
        if "error" in said:
            raise AssertionError(f"{line}: {said}")
    said = machine.command("commit")
    if "generation" not in said:
        raise AssertionError(said)


def set_up(machine):
    """At the first `login: `: an address, a domain, federation; until the slot has been found good."""
    machine.first_words("admin", "")
    commit(machine, "set interface a ipv4 static", f"set interface a ipv4-address {BOX}/24", f"pki selfsigned own {DOMAIN}",
           f"set domain {DOMAIN} certificate own", f"set federation listen v4 {BOX} 5269")
    machine.wait_good()


class Asker:
    """Asks again each STEP_S and goes on listening to what was asked within the last LISTEN_S: a connection that began before the box was
    there hears nothing for seconds, as qemu takes it in any case. So the answer is seen when it comes."""
    STEP_S, LISTEN_S = 1, 2

    def __init__(self, port):
        self.port, self.asked, self.last = port, [], 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _, s in self.asked:
            s.close()

    def _ask(self, now):
        self.last = now
        try:
            s = socket.create_connection(("127.0.0.1", self.port), 2)
            s.setblocking(False)
            s.send(HEADER.encode())
        except OSError:
            return
        self.asked.append((now, s))

    def _hears(self, began, s, now):
        """True when the box's own stream header has come; what is over or too old is closed and forgotten."""
        try:
            said = s.recv(4000)
        except BlockingIOError:
            if now < began + self.LISTEN_S:
                return False
            said = b""
        except OSError:
            said = b""
        if b"stream:stream" in said:
            return True
        self.asked.remove((began, s))
        s.close()
        return False

    def is_answered(self):
        now = time.monotonic()
        if now >= self.last + self.STEP_S:
            self._ask(now)
        return any([self._hears(began, s, now) for began, s in list(self.asked)])


def wait_answer(machine, port, timeout=600):
    """Seconds from power-on to the first answer."""
    with Asker(port) as asker:
        while not asker.is_answered():
            if machine.seconds() > timeout:
                raise AssertionError("no partner is answered")
            machine._read(0.05)
        return machine.seconds()
