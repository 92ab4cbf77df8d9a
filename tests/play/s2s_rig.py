"""gh-s2s alone, with everybody around it played here: gh-super, gh-conf, gh-keys and gh-switch, over
the socket pairs that gh-super would make. For tests of the one program against real peers, before
and beside the tests of the whole box.

    rig = Rig(place, "a.example", cert, {"federation mode": "open"}, addr="127.9.1.2")
    rig.send("u@a.example/r", "v@b.example", body="hi")
    rig.wait_in(lambda e: b"hi" in e["stanza"])
"""
import array
import os
import re
import socket
import struct
import subprocess
import threading
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROGS = {"super": 0, "conf": 1, "keys": 2, "switch": 3, "s2s": 4}
KINDS = ("message", "presence", "iq")
TYPES = ("normal", "chat", "groupchat", "headline", "", "unavailable", "subscribe", "subscribed", "unsubscribe",
         "unsubscribed", "probe", "get", "set", "result", "error")


def message_numbers():
    with open(os.path.join(TOP, "lib/run/msg.def")) as f:
        return re.findall(r"^MSG\((\w+),", f.read(), re.M)


NAMES = message_numbers()
NUMBER = {n: i for i, n in enumerate(NAMES)}


def u16(v):
    return struct.pack(">H", v)


def u32(v):
    return struct.pack(">I", v & 0xffffffff)


def u64(v):
    return struct.pack(">Q", v)


def str16(v):
    v = v.encode() if isinstance(v, str) else v
    return u16(len(v)) + v


def bytes32(v):
    v = v.encode() if isinstance(v, str) else v
    return u32(len(v)) + v


class Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, n):
        v = self.raw[self.at:self.at + n]
        self.at += n
        return v

    def num(self, n):
        return int.from_bytes(self.take(n), "big")

    def str16(self):
        return self.take(self.num(2))

    def bytes32(self):
        return self.take(self.num(4))


def envelope(id_, from_, to, kind, type_, sid, stanza, facts=0):
    return (u64(id_) + u64(id_) + bytes([0, KINDS.index(kind), TYPES.index(type_), 0]) + u32(facts) +
            str16(from_) + str16(to) + str16(sid) + bytes32(stanza))


def read_envelope(raw):
    r = Reader(raw)
    e = {"id": r.num(8), "trace": r.num(8), "door": r.num(1), "kind": KINDS[r.num(1)], "type": TYPES[r.num(1)],
         "hops": r.num(1), "facts": r.num(4)}
    e["from"], e["to"], e["sid"] = (r.str16().decode() for _ in range(3))
    e["stanza"] = r.bytes32()
    return e


class Channel:
    """One end of a channel; frames come to on_frame(name, id, body)."""

    def __init__(self, sock, on_frame):
        self.sock, self.on_frame, self.lock = sock, on_frame, threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def put(self, name, body=b"", id_=0, fd=None):
        frame = u32(6 + len(body)) + u16(NUMBER[name]) + u32(id_) + body
        with self.lock:
            if fd is None:
                self.sock.sendall(frame)
            else:
                self.sock.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])

    def _read(self):
        data = b""
        while True:
            try:
                got = self.sock.recv(1 << 16)
            except OSError:
                return
            if not got:
                return
            data += got
            while len(data) >= 4 and len(data) >= 4 + struct.unpack(">I", data[:4])[0]:
                n = 4 + struct.unpack(">I", data[:4])[0]
                kind, id_ = struct.unpack(">HI", data[4:10])
                self.on_frame(NAMES[kind], id_, data[10:n])
                data = data[n:]


class Rig:
    def __init__(self, place, domain, cert, settings, addr, port=5269, tls_port=5270, program=None, name=None):
        self.place, self.domain, self.cert, self.addr = place, domain, cert, addr
        self.inbound, self.done, self.records, self.finished = [], {}, {}, {}
        self.ready = threading.Event()
        self.auto_done = True
        self.generation, self.next_id, self.log = 0, 1 << 20, place.path((name or "s2s-" + domain) + ".log")
        self.key = serialization.load_pem_private_key(open(cert.key, "rb").read(), None)
        program = program or os.environ.get("GH_S2S", os.path.join(TOP, "build/asan/bin/gh-s2s"))
        ours, theirs = socket.socketpair()
        empty = place.path("empty")
        os.makedirs(empty, exist_ok=True)
        fd = theirs.fileno()

        def to_three():
            if fd != 3:
                os.dup2(fd, 3)
            os.set_inheritable(3, True)

        with open(self.log, "ab") as out:
            self.child = subprocess.Popen([program, "--instance", "0", "--state", place.folder, "--empty", empty],
                                          stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=to_three,
                                          close_fds=True, pass_fds=(3,))
        theirs.close()
        place.on_close(self.stop)
        self.control = Channel(ours, self._on_control)
        self.conf = self._join("conf", self._on_conf)
        self.keys = self._join("keys", self._on_keys)
        self.switch = self._join("switch", self._on_switch)
        self._listen("s2s", addr, port)
        self._listen("s2s-tls", addr, tls_port)
        self.control.put("BEGIN")
        assert self.ready.wait(10), self.text()
        self.settings = {"domain %s certificate" % domain: "own", "certificate own chain": open(cert.crt).read(),
                         "log level": "debug", "trust system": "off"}
        self.settings.update(settings)
        self.apply()

    def _join(self, who, on_frame, instance=0):
        ours, theirs = socket.socketpair()
        self.control.put("CHANNEL", bytes([PROGS[who], instance]), fd=theirs.fileno())
        theirs.close()
        return Channel(ours, on_frame)

    def rejoin_switch(self):
        """gh-switch dies and comes back."""
        self.switch.sock.shutdown(socket.SHUT_RDWR)
        time.sleep(0.2)
        self.switch = self._join("switch", self._on_switch)

    def _listen(self, name, addr, port):
        family = socket.AF_INET6 if ":" in addr else socket.AF_INET
        s = socket.socket(family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((addr, port))
        s.listen(128)
        self.control.put("LISTENER", str16(name) + str16(addr) + u16(port), fd=s.fileno())
        s.close()

    def apply(self, **changes):
        self.settings.update({k.replace("_", " "): v for k, v in changes.items()})
        self.generation += 1
        items = sorted(self.settings.items())
        body = u32(self.generation) + u32(len(items)) + b"".join(str16(k) + bytes32(v) for k, v in items)
        self.accepted = threading.Event()
        self.conf.put("SNAPSHOT", body)
        assert self.accepted.wait(10), self.text()
        self.conf.put("SNAPSHOT_SWITCH", u32(self.generation))
        time.sleep(0.1)

    # ---- what the program says
    def _on_control(self, name, id_, body):
        if name == "READY":
            self.ready.set()

    def _on_conf(self, name, id_, body):
        r = Reader(body)
        if name == "SNAPSHOT_ACCEPT":
            self.accepted.set()
        elif name == "SNAPSHOT_REFUSE":
            print("refused:", body)
        elif name == "RECORD":
            self.records.setdefault(id_, []).append({r.str16().decode(): r.bytes32().decode()
                                                     for _ in range(r.num(2))})
        elif name == "COMMAND_DONE":
            self.finished[id_] = (struct.unpack(">i", r.take(4))[0], r.str16().decode())

    def _on_keys(self, name, id_, body):
        r = Reader(body)
        _key, digest, pad, salt, data = r.str16(), r.str16().decode(), r.num(1), r.num(1), None
        data = r.bytes32()
        digest = getattr(hashes, digest.replace("-", "").replace("SHA2", "SHA") or "SHA256", hashes.SHA256)()
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            sig = self.key.sign(data, ec.ECDSA(utils.Prehashed(digest)))
        elif isinstance(self.key, rsa.RSAPrivateKey):
            scheme = padding.PSS(padding.MGF1(digest), salt) if pad == 6 else padding.PKCS1v15()
            sig = self.key.sign(data, scheme, utils.Prehashed(digest))
        else:
            sig = self.key.sign(data)
        self.keys.put("KEY_SIGNED", bytes32(sig), id_)

    def _on_switch(self, name, id_, body):
        if name == "ROUTE":
            e = read_envelope(body)
            self.inbound.append(e)
            if self.auto_done:
                self.switch.put("ROUTE_DONE", u64(e["id"]) + u32(0))
        elif name == "ROUTE_DONE":
            r = Reader(body)
            which = r.num(8)
            self.done[which] = r.num(4)

    # ---- for tests
    def send(self, from_, to, body="hi", kind="message", type_="chat", stanza=None):
        self.next_id += 1
        sid = "s%d" % self.next_id
        if stanza is None:
            stanza = "<%s from='%s' to='%s' id='%s'%s><body>%s</body></%s>" % (
                kind, from_, to, sid, " type='%s'" % type_ if type_ else "", body, kind)
        self.switch.put("ROUTE", envelope(self.next_id, from_, to, kind, type_, sid, stanza))
        return self.next_id

    def command(self, verb, *args, seconds=30):
        self.next_id += 1
        id_ = self.next_id
        self.conf.put("COMMAND", str16(verb) + u16(len(args)) + b"".join(bytes32(a) for a in args), id_)
        wait(lambda: id_ in self.finished, seconds, "command " + verb + "\n" + self.text()[-3000:])
        return self.records.get(id_, []), self.finished[id_]

    def wait_in(self, fits, seconds=10):
        return wait(lambda: next((e for e in self.inbound if fits(e)), None), seconds,
                    "stanza\n" + self.text()[-3000:])

    def wait_done(self, id_, seconds=10):
        wait(lambda: id_ in self.done, seconds, "done\n" + self.text()[-3000:])

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def stop(self):
        if self.child.poll() is None:
            self.control.put("STOP", u32(1000))
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
        return self.child.wait()


def wait(predicate, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = predicate()
        if got:
            return got
        time.sleep(0.02)
    raise AssertionError("not within %.1f s: %s" % (seconds, what))
