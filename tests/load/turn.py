"""The relay's figures: Gatehouse, coturn of Debian, and bare forwarders that do nothing but forward.

Three networks, client -- server -- peer, joined by two veth pairs. Servers run on the first processor, the
generator on the second. Each run has a fresh server; a round goes around the servers in turn.
"""
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("GATEHOUSE_BIN", os.path.join(HERE, "..", "..", "build", "release", "bin"))

from servers import Site  # noqa: E402
from harness.gatehouse import Gatehouse  # noqa: E402
from harness.place import Failed, Program, need, wait_for  # noqa: E402

CLIENT, SERVER, RELAY, PEER, PEER_PORT = "10.99.1.2", "10.99.1.1", "10.99.2.1", "10.99.2.2", 3480
REALM, USER, PASSWORD = "relay.example", "u1", "correct horse"
PORTS = {"udp": 3478, "send": 3478, "tcp": 3478, "tls": 5349, "dtls": 5349, "static": 3478}
SERVER_CPU, LOAD_CPU = 0, 1
CLONE_NEWNET, SIOCETHTOOL, ETHTOOL_STXCSUM = 0x40000000, 0x8946, 0x17
MOST = 12000   # allocations that servers are set up for


def say(text):
    print(text, file=sys.stderr, flush=True)


class Net:
    """This thread enters a network of its own, the server's; client's and peer's are held by two sleepers.
    Interfaces near-SIDE here, far-SIDE there."""

    def __init__(self, place):
        self.place = place
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.libc = ctypes.CDLL(None, use_errno=True)
        if self.libc.unshare(CLONE_NEWNET):
            raise Failed("no network namespace: errno %d" % ctypes.get_errno())
        self.own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.ip("link", "set", "lo", "up")
        self.ends = {}
        for number, (side, near, far) in enumerate((("client", SERVER, CLIENT), ("peer", RELAY, PEER)), 1):
            self._side(number, side, near, far)

    @staticmethod
    def ip(*words, path=None):
        inside = [need("nsenter"), "--net=" + path] if path else []
        subprocess.run(inside + [need("ip")] + list(words), check=True)

    def path(self, side):
        return "/proc/%d/ns/net" % self.ends[side].pid

    def _side(self, number, side, near, far):
        sleeper = self.ends[side] = Program(self.place, "net-" + side, [need("unshare"), "--net", "sleep", "infinity"])
        own = os.fstat(self.own).st_ino
        wait_for("a network for the " + side, lambda: os.stat(self.path(side)).st_ino != own)
        mac = "02:00:00:00:%02d:%02d"     # as gh-turnframes writes them
        self.ip("link", "add", "near-" + side, "address", mac % (number, 1), "type", "veth", "peer", "name", "far-" + side,
                "address", mac % (number, 2), "netns", str(sleeper.pid))
        self.ip("addr", "add", near + "/24", "dev", "near-" + side)
        self.ip("link", "set", "near-" + side, "up")
        for words in (("link", "set", "lo", "up"), ("addr", "add", far + "/24", "dev", "far-" + side), ("link", "set", "far-" + side, "up")):
            self.ip(*words, path=self.path(side))
        self._sums_in_software(side)

    def _sums_in_software(self, side):
        """A veth leaves checksums out; the kernel path needs what a wire has, and all servers get the same."""
        fd = os.open(self.path(side), os.O_RDONLY)
        self.libc.setns(fd, CLONE_NEWNET)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                value = ctypes.create_string_buffer(struct.pack("II", ETHTOOL_STXCSUM, 0))
                fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sQ16x", ("far-" + side).encode(), ctypes.addressof(value)))
        finally:
            self.libc.setns(self.own, CLONE_NEWNET)
            os.close(fd)

    def threads(self, path, interface):
        """The kernel's threads for a network's interface, which has an XDP program: from now on it works in them."""
        inside = [need("nsenter"), "--net=" + path] if path else []
        subprocess.run(inside + [need("unshare"), "--mount", "sh", "-c", "mount -t sysfs sysfs /sys && echo 1 > /sys/class/net/%s/threaded"
                                 % interface], check=True)
        return wait_for("a thread for " + interface, lambda: [
            int(p) for p in os.listdir("/proc") if p.isdigit() and comm(p).startswith("napi/%s-" % interface)])

    def close(self):
        self.libc.setns(self.home, CLONE_NEWNET)
        os.close(self.home)
        os.close(self.own)
        for sleeper in self.ends.values():
            sleeper.stop()


def comm(pid):
    try:
        with open("/proc/%s/comm" % pid) as f:
            return f.read().strip()
    except OSError:
        return ""


@contextlib.contextmanager
def on_cpu(number):
    """What is started here stays on this processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


# ---- servers: start() gives a Program, whose processes are measured

def keys():
    text = ("%s:%s:%s" % (USER, REALM, PASSWORD)).encode()
    return "md5=%s sha256=%s" % (hashlib.md5(text).hexdigest(), hashlib.sha256(text).hexdigest())


def gatehouse(site, allocations, extra=()):
    site.number += 1
    listen = {"udp": 3478, "tcp": 3478, "tls": 5349, "dtls": 5349}
    gh = Gatehouse(site.place, "near.example", site.cert, site.pki.ca, site.dns, name="gatehouse-%d" % site.number, settings=[
        "set turn listen-%s v4 %s %d" % (how, SERVER, port) for how, port in listen.items()] + [
        "set turn realm " + REALM, "set turn relay-address v4 " + RELAY, "set turn port-min 10000", "set turn port-max 65535",
        "set turn workers 1", "set turn allocations-max 0", "set turn allocations-user 0", "set turn allocations-address 0",
        "set turn answers 0", 'set turn user %s key "%s"' % (USER, keys()), "set turn allow-peer bench %s/32" % PEER] + list(extra))
    gh.start()
    wait_for("gh-turn listens", lambda: "turn.listening" in gh.log(), 10)
    return gh.program


def coturn(site, allocations):
    site.number += 1
    conf = ["listening-ip=" + SERVER, "relay-ip=" + RELAY, "listening-port=3478", "tls-listening-port=5349",
            "min-port=10000", "max-port=65535", "relay-threads=1", "lt-cred-mech", "realm=" + REALM,
            "user=%s:%s" % (USER, PASSWORD), "cert=" + site.bundle, "pkey=" + site.bundle, "no-cli", "no-rfc5780", "no-stun-backward-compatibility",
            "userdb=" + site.place.path("none-%d.db" % site.number), "pidfile=" + site.place.path("coturn-%d.pid" % site.number),
            "log-file=/dev/null", "simple-log", "no-software-attribute"]
    path = site.place.write("coturn-%d.conf" % site.number, "\n".join(conf) + "\n")
    p = Program(site.place, "coturn-%d" % site.number, [need("turnserver"), "-c", path])
    wait_for("coturn listens", lambda: udp_bound(3478), 10)
    return p


def udp_bound(port):
    with open("/proc/thread-self/net/udp") as f:
        return any(line.split()[1].endswith(":%04X" % port) for line in f.readlines()[1:])


def bare(site, allocations):
    site.number += 1
    p = Program(site.place, "bare-%d" % site.number, [os.path.join(BIN, "gh-turnbare"), SERVER, RELAY,
                                                      CLIENT, PEER, str(PEER_PORT), str(allocations)])
    p.wait_log("ready")
    return p


SERVERS = {"gatehouse": gatehouse, "coturn": coturn, "bare": bare}


class Bench:
    def __init__(self):
        self.site = Site()
        self.net = Net(self.site.place)
        self.site.cert = self.site.pki.make("good", "near.example")
        self.site.bundle = self.site.place.write("turn.pem", self.site.cert.text() + self.site.cert.key_text())

    def close(self):
        self.net.close()
        self.site.close()

    def load(self, name, via, allocations, payload=160, to="peer", runs=(), search=0.0):
        """One fresh server, one run of gh-turnload against it; what that printed. None: it has not this transport."""
        with on_cpu(SERVER_CPU):
            server = SERVERS[name](self.site, allocations)
        how = "static" if name.startswith("bare") else via
        argv = [need("taskset"), "-c", str(LOAD_CPU), os.path.join(BIN, "gh-turnload"),
                "--server", "%s:%d" % (SERVER, PORTS[how]), "--client", CLIENT, "--peer", "%s:%d" % (PEER, PEER_PORT), "--relay", RELAY,
                "--client-net", self.net.path("client"), "--peer-net", self.net.path("peer"), "--via", how,
                "--allocations", str(allocations), "--payload", str(payload), "--to", to, "--pids", str(server.pid),
                "--user", USER, "--password", PASSWORD, "--search", str(search)]
        for rate, seconds in runs:
            argv += ["--run", "%d:%g" % (rate, seconds)]
        got = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
        log = server.text()[-1500:] if got.returncode else ""
        server.stop()
        if got.returncode:
            raise Failed("%s by %s, %d allocations: %s%s\n%s" % (name, via, allocations, got.stdout, got.stderr, log))
        return json.loads(got.stdout)
