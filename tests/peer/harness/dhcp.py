"""DHCP servers on the far end of a wire: dnsmasq, Kea, and one that sends whatever a test wants."""
import json
import os
import socket
import struct
import subprocess
import threading

from .place import need, wait_for

COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6


class Dnsmasq:
    """One range on one device of a namespace; answers DNS there, too."""

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
        wait_for("dnsmasq", lambda: "DHCP, IP range" in self.said(), 10)

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


class Kea:
    """Leases as short as a test wants them."""

    def __init__(self, case, there, device, subnet, first, last, seconds):
        folder = case.place.path("kea-%s" % first)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "kea.conf")
        with open(path, "w") as f:
            json.dump({"Dhcp4": {
                "interfaces-config": {"interfaces": [device], "dhcp-socket-type": "raw",
                                      # the wire may still be down: it is set up by whoever asks for a lease
                                      "service-sockets-max-retries": 600, "service-sockets-retry-wait-time": 100},
                "lease-database": {"type": "memfile", "persist": False}, "authoritative": True,
                "valid-lifetime": seconds, "renew-timer": seconds // 3, "rebind-timer": seconds // 3 * 2,
                "subnet4": [{"subnet": subnet, "pools": [{"pool": "%s - %s" % (first, last)}]}],
                "loggers": [{"name": "kea-dhcp4", "severity": "DEBUG", "debuglevel": 30, "output_options": [{"output": os.path.join(folder, "log")}]}]}}, f)
        self.log = os.path.join(folder, "log")
        environment = dict(os.environ, KEA_PIDFILE_DIR=folder, KEA_LOCKFILE_DIR=folder)
        self.process = subprocess.Popen(there.words(need("kea-dhcp4"), "-c", path), env=environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        case.place.on_close(self.close)
        wait_for("Kea", lambda: "DHCP4_STARTED" in self.said(), 15)

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
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            self.socket.bind(("0.0.0.0", 67))
        self.answers, self.heard = answers, []
        self.socket.settimeout(0.5)
        self.is_over = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        case.place.on_close(self.close)

    def run(self):
        while not self.is_over:
            try:
                ask, _ = self.socket.recvfrom(2000)
            except TimeoutError:
                continue
            at = ask.index(b"\x35\x01", 240)
            self.heard.append(ask[at + 2])
            for payload in self.answers(ask, ask[at + 2]):
                self.socket.sendto(payload, ("255.255.255.255", 68))

    def close(self):
        self.is_over = True
        self.thread.join()
        self.socket.close()
