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

OBJECT = os.path.join(HERE, "..", "..", "build", "bpf", "turnframes.bpf.o")
CLIENT, SERVER, RELAY, PEER, PEER_PORT = "10.99.1.2", "10.99.1.1", "10.99.2.1", "10.99.2.2", 3480
REALM, USER, PASSWORD = "relay.example", "u1", "correct horse"
PORTS = {"udp": 3478, "send": 3478, "tcp": 3478, "tls": 5349, "dtls": 5349, "static": 3478}
SERVER_CPU, LOAD_CPU = 0, 1
CLONE_NEWNET, SIOCETHTOOL, ETHTOOL_STXCSUM, ETHTOOL_SGRO = 0x40000000, 0x8946, 0x17, 0x2C


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
        # A veth leaves checksums out; the kernel path needs what a wire has, and all servers get the same.
        self._ethtool(side, ETHTOOL_STXCSUM, 0)

    def _ethtool(self, side, command, value):
        fd = os.open(self.path(side), os.O_RDONLY)
        self.libc.setns(fd, CLONE_NEWNET)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                what = ctypes.create_string_buffer(struct.pack("II", command, value))
                fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sQ16x", ("far-" + side).encode(), ctypes.addressof(what)))
        finally:
            self.libc.setns(self.own, CLONE_NEWNET)
            os.close(fd)

    def on_server_cpu(self):
        """The threads of the near ends; they work on the server's processor from now on."""
        return place_threads(self.threads(None, "near-client") + self.threads(None, "near-peer"), SERVER_CPU)

    def far_polls(self):
        """The far ends take frames that a program sends them, as a network card does."""
        for side in self.ends:
            self._ethtool(side, ETHTOOL_SGRO, 1)

    def threads(self, path, interface):
        """The kernel's threads for a network's interface, which has an XDP program: from now on it works in them."""
        inside = [need("nsenter"), "--net=" + path] if path else []
        write = inside + [need("unshare"), "--mount", "sh", "-c", "mount -t sysfs sysfs /sys && echo 1 > /sys/class/net/%s/threaded" % interface]
        # The kernel refuses until the interface has its program, which may come after the server's first line.
        wait_for("%s takes threads" % interface, lambda: subprocess.run(write, stderr=subprocess.DEVNULL).returncode == 0)
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
    """What is started here stays on this processor, and other work on the machine comes later."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, before)


def place_threads(pids, cpu):
    """Threads of the kernel likewise, and before the generator."""
    for p in pids:
        os.sched_setaffinity(p, {cpu})
        os.sched_setscheduler(p, os.SCHED_RR, os.sched_param(2))
    return pids


# ---- servers: start() gives a Program, whose processes are measured

def keys():
    text = ("%s:%s:%s" % (USER, REALM, PASSWORD)).encode()
    return "md5=%s sha256=%s" % (hashlib.md5(text).hexdigest(), hashlib.sha256(text).hexdigest())


def gatehouse(site, allocations, fast_path="off"):
    site.number += 1
    listen = {"udp": 3478, "tcp": 3478, "tls": 5349, "dtls": 5349}
    gh = Gatehouse(site.place, "near.example", site.cert, site.pki.ca, site.dns, name="gatehouse-%d" % site.number, settings=[
        "set turn listen-%s v4 %s %d" % (how, SERVER, port) for how, port in listen.items()] + [
        "set turn realm " + REALM, "set turn relay-address v4 " + RELAY, "set turn port-min 10000", "set turn port-max 65535",
        "set turn workers 1", "set turn allocations-max 0", "set turn allocations-user 0", "set turn allocations-address 0",
        "set turn answers 0", 'set turn user %s key "%s"' % (USER, keys()), "set turn allow-peer bench %s/32" % PEER, "set turn fast-path " + fast_path])
    gh.start()
    wait_for("gh-turn listens", lambda: "turn.listening" in gh.log(), 10)
    return gh.program


def gatehouse_xdp(site, allocations):
    site.net.far_polls()
    p = gatehouse(site, allocations, "on")
    return Kernel(p, [p.pid] + site.net.on_server_cpu())


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


class Kernel:
    """Threads of the kernel, in place of a server's processes."""

    def __init__(self, program, pids):
        self.program, self.pids = program, pids

    @property
    def pid(self):
        return ",".join(str(p) for p in self.pids)

    def text(self):
        return self.program.text()

    def stop(self):
        self.program.stop()


def frames(*words):
    return [os.path.join(BIN, "gh-turnframes"), OBJECT] + [str(w) for w in words]


def flows_file(site, allocations):
    """As gh-turnbare and gh-turnload --via static have them."""
    return site.place.write("flows-%d" % allocations, "".join("%s:%d %s:3478 %s:%d %s:%d\n" % (
        CLIENT, 20000 + i, SERVER, RELAY, 40000 + i, PEER, PEER_PORT) for i in range(allocations)))


def bare_xdp(site, allocations):
    site.number += 1
    site.net.far_polls()
    p = Program(site.place, "bare-xdp-%d" % site.number, frames(
        "forward", flows_file(site, allocations), "near-client", "near-peer"))
    p.wait_log("ready")
    return Kernel(p, site.net.on_server_cpu())


SERVERS = {"gatehouse": gatehouse, "coturn": coturn, "bare": bare, "gatehouse XDP": gatehouse_xdp, "bare XDP": bare_xdp}
PAIRS = (("gatehouse", "coturn"), ("gatehouse", "bare"), ("gatehouse XDP", "coturn"), ("gatehouse XDP", "bare XDP"))
KERNEL = ("gatehouse XDP", "bare XDP")     # those with a path in the kernel


class Bench:
    def __init__(self):
        self.site = Site()
        self.site.net = None
        self.site.cert = self.site.pki.make("good", "near.example")
        self.site.bundle = self.site.place.write("turn.pem", self.site.cert.text() + self.site.cert.key_text())

    def close(self):
        self.site.close()

    @contextlib.contextmanager
    def server(self, name, allocations):
        """A fresh server in fresh networks."""
        self.site.net = net = Net(self.site.place)
        try:
            with on_cpu(SERVER_CPU):
                server = SERVERS[name](self.site, allocations)
            yield server
            server.stop()
        finally:
            net.close()

    def load(self, name, via, allocations, payload=160, to="peer", runs=(), search=0.0):
        """One run of gh-turnload against a fresh server; what it printed."""
        with self.server(name, allocations) as server:
            argv = self._argv(name, via, allocations) + ["--payload", str(payload), "--to", to, "--pids", str(server.pid), "--search", str(search)]
            for rate, seconds in runs:
                argv += ["--run", "%d:%g" % (rate, seconds)]
            return self._measure("%s by %s, %d allocations" % (name, via, allocations), argv, server)

    def _argv(self, name, via, allocations):
        how = "static" if name.startswith("bare") else via
        return [os.path.join(BIN, "gh-turnload"), "--server", "%s:%d" % (SERVER, PORTS[how]), "--client", CLIENT,
                "--peer", "%s:%d" % (PEER, PEER_PORT), "--relay", RELAY, "--client-net", self.site.net.path("client"),
                "--peer-net", self.site.net.path("peer"), "--user", USER, "--password", PASSWORD, "--via", how,
                "--allocations", str(allocations)]

    def frames(self, name, allocations, payload, rate, seconds):
        """Frames through the kernel path that a server has attached, from the clients' interface to the peer's."""
        with self.server(name, allocations) as server:
            net, flows = self.site.net, self._flows(name, allocations)
            argv = frames("run", flows, net.path("client"), "far-client", net.path("peer"), "far-peer", payload, rate, seconds, server.pid)
            return self._measure("frames through " + name, argv, server, self._far_threads)

    def _flows(self, name, allocations):
        """Laid down beforehand, or channels of clients that stay."""
        if name.startswith("bare"):
            return flows_file(self.site, allocations)
        self.site.number += 1
        path = self.site.place.path("flows-of-clients-%d" % self.site.number)
        clients = Program(self.site.place, "clients-%d" % self.site.number, self._argv(name, "udp", allocations) + [
            "--flows", path, "--hold", "60", "--run", "1000:0.3"])     # the neighbours are known then
        clients.wait_log("}", 60)
        return path

    def _far_threads(self, child):
        if child.stdout.readline() != "ready\n":
            return
        for side in self.site.net.ends:
            place_threads(self.site.net.threads(self.site.net.path(side), "far-" + side), LOAD_CPU)

    @staticmethod
    def _measure(what, argv, server, prepare=lambda child: None):
        with on_cpu(LOAD_CPU):
            child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        with child:
            prepare(child)
            out, err = child.communicate("\n", timeout=300)
        if child.returncode:
            raise Failed("%s: %s%s\n%s" % (what, out, err, server.text()[-1500:]))
        return json.loads(out)


# ---- what is measured

def each(plan, names, measure):
    """Rounds around the servers; a server that fails is missing in the table from then on, and said."""
    failed = set()
    for _ in range(plan["runs"]):
        for name in names:
            try:
                if name not in failed:
                    measure(name)
            except Failed as e:
                failed.add(name)
                say("turn: %s" % e)


def add_run(out, key, name, r, is_flood):
    when = "flood" if is_flood else "at %d/s" % r["rate"]
    out.add(key + ("CPU seconds per million, " + when,), name, r["cpu_s_per_million"])
    if is_flood:
        out.add(key + ("relayed/s by the clock, flood",), name, r["per_s"])
    elif "p50_us" in r:
        out.add(key + ("latency p50, us, " + when,), name, r["p50_us"])
        out.add(key + ("latency p99, us, " + when,), name, r["p99_us"])


def traffic(bench, plan, out):
    for n, via, payload, to in plan["cells"]:
        key = ("turn", n, "%s, %d bytes, to %s" % (KINDS[via], payload, to))
        has_search = (n, via, payload, to) in plan["search"]

        def measure(name):
            say("turn: %s, %d, %s" % (name, n, key[2]))
            # the flood last: what it leaves waiting in streams would be measured with the next
            got = bench.load(name, via, n, payload, to, runs=[(10000, plan["seconds"]), (0, plan["seconds"])],
                             search=plan["seconds"] / 2 if has_search else 0)
            for r in got["runs"]:
                add_run(out, key, name, r, r["rate"] == 0)
            if has_search:
                out.add(key + ("relayed/s without loss (0.1 %)",), name, got["loss_free_per_s"])
        each(plan, SERVERS if via == "udp" else ("gatehouse", "coturn"), measure)


def allocations(bench, plan, out):
    for n, via in plan["allocations"]:
        key = ("turn", n, "allocations over " + KINDS[via])

        def measure(name):
            say("turn: %s, %d %s" % (name, n, key[2]))
            got = bench.load(name, via, n)
            out.add(key + ("allocations/s",), name, got["allocations_per_s"])
            out.add(key + ("CPU microseconds an allocation",), name, got["allocation_cpu_us"])
            out.add(key + ("bytes an allocation",), name, got["bytes_each"])
        each(plan, ("gatehouse", "coturn"), measure)


def kernel(bench, plan, out):
    for n, payload in plan["frames"]:
        key = ("turn", n, "frame in, frame out, %d bytes" % payload)

        def measure(name):
            say("turn: %s, %d, %s" % (name, n, key[2]))
            add_run(out, key, name, bench.frames(name, n, payload, 0, plan["seconds"])["runs"][0], True)
        each(plan, KERNEL, measure)


KINDS = {"udp": "ChannelData over UDP", "send": "Send over UDP", "tcp": "ChannelData over TCP", "tls": "ChannelData over TLS",
         "dtls": "ChannelData over DTLS"}
OTHERS = ("send", "tcp", "tls", "dtls")
QUICK = {"runs": 3, "seconds": 2, "search": (), "frames": ((100, 160),), "allocations": ((1000, "udp"),),
         "cells": [(100, "udp", 160, "peer")] + [(100, via, 160, "peer") for via in OTHERS]}
FULL = {"runs": 3, "seconds": 5, "frames": [(n, size) for n in (1, 100, 1000, 5000) for size in (160, 1200)],
        "search": [(n, "udp", 160, "peer") for n in (100, 1000)],
        "allocations": [(1000, "udp"), (5000, "udp")] + [(1000, via) for via in OTHERS[1:]],
        "cells": [(n, "udp", size, "peer") for n in (1, 100, 1000, 5000) for size in (160, 1200)] +
                 [(n, "udp", 160, to) for n in (1, 100, 1000) for to in ("client", "both")] +
                 [(n, via, size, "peer") for via in OTHERS for n in (100, 1000) for size in (160, 1200)] +
                 [(100, via, 160, "both") for via in OTHERS]}


def bench(is_quick, out):
    plan, b = QUICK if is_quick else FULL, Bench()
    try:
        for part in (traffic, allocations, kernel):
            part(b, plan, out)
    finally:
        b.close()
