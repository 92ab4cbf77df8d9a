"""DHCP servers on the far end of a wire, of IPv4 and IPv6: dnsmasq, Kea, and one that sends whatever a test wants."""
import json
import os
import socket
import struct
import subprocess
import threading

from .place import need, wait_for

COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
SOLICIT6, ADVERTISE6, REQUEST6, REPLY6 = 1, 2, 3, 7
# The wire may still be down: it is set up by whoever asks for a lease.
RETRIES = {"service-sockets-max-retries": 600, "service-sockets-retry-wait-time": 100}


class Dnsmasq:
    """One range on one device of a namespace; answers DNS there, too."""
    ready = "DHCP, IP range"

    def __init__(self, case, there, device, first, last, *options):
        self.log = case.place.path("dnsmasq-%s" % first)
        os.makedirs(self.log, exist_ok=True)
        self.leases = os.path.join(self.log, "leases")
        self.process = subprocess.Popen(there.words(
            need("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=",
            "--interface=" + device, "--bind-interfaces", "--no-resolv", "--no-hosts", "--log-queries", "--log-dhcp",
            "--log-facility=" + os.path.join(self.log, "log"), "--dhcp-leasefile=" + self.leases, "--no-ping",
            "--dhcp-authoritative", "--dhcp-range=%s,%s,120" % (first, last), *options))
        case.place.on_close(self.close)
        wait_for("dnsmasq", lambda: self.ready in self.said(), 10)

    def said(self):
        try:
            with open(os.path.join(self.log, "log")) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def leased(self):
        with open(self.leases) as f:
            return [line.split() for line in f]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Dnsmasq6(Dnsmasq):
    """One range of IPv6, and advertisements of the network that it is in: itself the way out, addresses by DHCP and by SLAAC."""
    ready = "DHCPv6, IP range"

    def __init__(self, case, there, device, first, last, *options):
        super().__init__(case, there, device, first, last + ",slaac,64", "--enable-ra", "--ra-param=%s,4,600" % device, *options)


class Kea:
    """Leases as short as a test wants them."""
    program, ready = "kea-dhcp4", "DHCP4_STARTED"

    @staticmethod
    def settings(device, subnet, pool, seconds):
        return {"Dhcp4": {
            "interfaces-config": {"interfaces": [device], "dhcp-socket-type": "raw", **RETRIES}, "authoritative": True,
            "valid-lifetime": seconds, "renew-timer": seconds // 3, "rebind-timer": seconds // 3 * 2,
            "subnet4": [{"subnet": subnet, "pools": [{"pool": pool}]}]}}

    def __init__(self, case, there, device, subnet, first, last, seconds):
        folder = case.place.path("kea-%s" % first)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "kea.conf")
        self.log = os.path.join(folder, "log")
        settings = self.settings(device, subnet, "%s - %s" % (first, last), seconds)
        for part in settings.values():
            part["lease-database"] = {"type": "memfile", "persist": False}
            part["loggers"] = [{"name": self.program, "severity": "DEBUG", "debuglevel": 55, "output_options": [{"output": self.log}]}]
        with open(path, "w") as f:
            json.dump(settings, f)
        environment = dict(os.environ, KEA_PIDFILE_DIR=folder, KEA_LOCKFILE_DIR=folder)
        self.process = subprocess.Popen(there.words(need(self.program), "-c", path), env=environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        case.place.on_close(self.close)
        wait_for("Kea", lambda: self.ready in self.said(), 15)

    def said(self):
        try:
            with open(self.log) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Kea6(Kea):
    program, ready = "kea-dhcp6", "DHCP6_STARTED"

    @staticmethod
    def settings(device, subnet, pool, seconds):
        return {"Dhcp6": {
            "interfaces-config": {"interfaces": [device], **RETRIES}, "server-id": {"type": "LL", "persist": False},
            "valid-lifetime": seconds, "preferred-lifetime": seconds, "renew-timer": seconds // 3, "rebind-timer": seconds // 3 * 2,
            "subnet6": [{"subnet": subnet, "interface": device, "pools": [{"pool": pool}],
                         "option-data": [{"name": "dns-servers", "data": "2001:db8:78::53"}]}]}}


def option(code, value):
    return bytes([code, len(value)]) + value


def message(ask, kind, address, server, *options, op=2, xid=None):
    """An answer to the message `ask`."""
    head = struct.pack("!BBBB4sHH4s4s4s4s16s192s", op, 1, 6, 0, xid or ask[4:8], 0, 0, bytes(4), socket.inet_aton(address), bytes(4),
                       bytes(4), ask[28:44], bytes(192))
    return head + COOKIE + option(53, bytes([kind])) + option(54, socket.inet_aton(server)) + b"".join(options) + b"\xff"


class Rogue:
    """Calls answers(message, kind), which gives a list of payloads to send to everybody on the wire."""

    def __init__(self, case, there, device, answers):
        with there:
            self.open(device)
        self.answers, self.heard = answers, []
        self.socket.settimeout(0.5)
        self.is_over = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        case.place.on_close(self.close)

    def open(self, device):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        self.socket.bind(("0.0.0.0", 67))

    def answer(self, ask, _):
        at = ask.index(b"\x35\x01", 240)
        self.heard.append(ask[at + 2])
        for payload in self.answers(ask, ask[at + 2]):
            self.socket.sendto(payload, ("255.255.255.255", 68))

    def run(self):
        while not self.is_over:
            try:
                ask, asker = self.socket.recvfrom(2000)
            except TimeoutError:
                continue
            self.answer(ask, asker)

    def close(self):
        self.is_over = True
        self.thread.join()
        self.socket.close()


def option6(code, value):
    return struct.pack("!HH", code, len(value)) + value


def message6(ask, kind, *options, xid=None, server=b"\0\3\0\1\2\0\0\0\0\x51"):
    """An answer to the message `ask`."""
    at = ask.index(b"\0\1\0", 4)
    client = ask[at:at + 4 + ask[at + 3]]
    return bytes([kind]) + (xid or ask[1:4]) + client + option6(2, server) + b"".join(options)


def ia6(address, preferred, valid, *options, iaid=b"\0\0\0a", times=(0, 0)):
    return option6(3, iaid + struct.pack("!II", *times) + option6(5, socket.inet_pton(socket.AF_INET6, address) +
                                                               struct.pack("!II", preferred, valid)) + b"".join(options))


class Rogue6(Rogue):
    """Answers to whoever asked."""

    def open(self, device):
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                               socket.inet_pton(socket.AF_INET6, "ff02::1:2") + struct.pack("@I", socket.if_nametoindex(device)))
        self.socket.bind(("::", 547))

    def answer(self, ask, asker):
        self.heard.append(ask[0])
        for payload in self.answers(ask, ask[0]):
            self.socket.sendto(payload, asker)
