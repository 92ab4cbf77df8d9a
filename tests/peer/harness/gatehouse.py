"""A whole Gatehouse: gh-super and its programs on a temporary state folder, set up through ghsh."""
import json
import os
import re
import signal
import socket
import subprocess
import time

from .place import BIN, PATIENCE, Failed, Program, need, port_open, wait_for

PROGRAMS = (
    "gh-conf",
    "gh-keys",
    "gh-switch",
    "gh-s2s",
    "gh-access",
    "gh-im",
    "gh-store",
    "gh-sip",
    "gh-xlate",
    "gh-line",
    "gh-turn",
    "gh-admin",
    "gh-capture",
    "gh-log",
    "gh-update",
    "gh-pki",
    "gh-proxy",
    "gh-link",
)


class Gatehouse:
    """peers: {domain: {"action": "allow", ...}}. settings: further lines for ghsh.
    sip_peers, sip_routes: rows of `sip peer` and `sip route` likewise; either opens the SIP listeners
    (5060 UDP and TCP, 5061 TLS, 5062 mutual). line: SIP clients of our users (5070 UDP and TCP, 5071 TLS). mode None: federation mode
    is not set. role: of the box (system role)."""

    def __init__(self, place, domain, cert, ca, dns, addr=None, mode="allow-list", peers=None,
                 settings=(), port6=None, domains=(), name=None, files=None, sip_peers=None,
                 sip_routes=None, line=False, role="combined"):
        self.place, self.domain, self.cert, self.ca, self.dns = place, domain, cert, ca, dns
        self.addr = addr or place.addr()
        self.name = name or "gatehouse-" + domain
        self.mode, self.peers, self.settings = mode, peers or {}, list(settings)
        self.port6 = port6
        self.role = role
        self.sip_peers, self.sip_routes, self.line = sip_peers or {}, sip_routes or {}, line
        self.has_sip = sip_peers is not None or sip_routes is not None
        self.files = files          # most descriptors of each program
        self.domains = domains      # further (domain, cert) pairs
        self.state, self.run = place.path(self.name, "state"), place.path(self.name, "run")
        for d in (self.state, self.run):
            os.makedirs(d, exist_ok=True)
        self.socket = os.path.join(self.run, "ghsh.sock")
        self.users = {}
        self.super_options = []     # more of gh-super's
        self.program = None

    # ---- operator
    def ghsh(self, lines, check=True, timeout=30):
        """Lines as an operator types them; their output. Failed when one is refused."""
        text = lines if isinstance(lines, str) else "\n".join(lines) + "\n"
        got = subprocess.run([os.path.join(BIN, "ghsh"), "--socket", self.socket], input=text, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
        if check and got.returncode != 0:
            raise Failed("ghsh: exit %d: %s\n%s" % (got.returncode, got.stdout, text[:2000]))
        return got.stdout

    def records(self, *words, timeout=60, check=True):
        """The records of one command, as dictionaries."""
        got = subprocess.run([os.path.join(BIN, "ghsh"), "--socket", self.socket, "--json"] + list(words),
                             stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=timeout)
        if check and got.returncode != 0:
            raise Failed("ghsh %s: exit %d: %s%s" % (" ".join(words), got.returncode, got.stdout, got.stderr))
        return json.loads(got.stdout) if got.stdout.strip() else []

    def operator(self, *words, text=None, timeout=30, cwd=None):
        """One ghsh, as a person or a script runs it: its returncode, stdout and stderr."""
        return subprocess.run([os.path.join(BIN, "ghsh"), "--socket", self.socket] + list(words),
                              input=text if text is not None else "", text=True, cwd=cwd, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout)

    def commit(self, *lines):
        return self.ghsh(list(lines) + ["commit"])

    def script(self):
        bundle = self.cert.text() + self.cert.key_text()
        pem = self.place.write(self.name + "/own.pem", bundle)
        out = ["certificate import own " + pem, "set domain %s certificate own" % self.domain]
        for i, (domain, cert) in enumerate(self.domains):
            pem = self.place.write("%s/own%d.pem" % (self.name, i), cert.text() + cert.key_text())
            out += ["certificate import own%d %s" % (i, pem), "set domain %s certificate own%d" % (domain, i)]
        out += [
            "set trust system off", "set trust anchor test " + self.ca,
            "set dns server 1 %s %d" % (self.dns.addr, self.dns.port),
            "set system role " + self.role,
            "set federation listen v4 %s 5269" % self.addr,
            "set federation listen-tls v4 %s 5270" % self.addr,
            "set federation source v4 " + self.addr,
            "set access listen v4 %s 5222" % self.addr,
            "set access listen-tls v4 %s 5223" % self.addr,
            "set federation backoff-min 0", "set federation backoff-max 1",
        ]
        if self.mode:
            out.append("set federation mode " + self.mode)
        if self.port6:
            out.append("set federation listen v6 ::1 %d" % self.port6)
        for peer, rows in self.peers.items():
            for key, value in rows.items():
                out.append("set federation peer %s %s %s" % (peer, key, value))
        return out + self._sip() + self.settings + ["commit"]

    def _sip(self):
        out = []
        if self.has_sip:
            out += ["set sip listen-%s v4 %s %d" % (how, self.addr, port) for how, port in
                    (("udp", 5060), ("tcp", 5060), ("tls", 5061), ("mutual", 5062))]
            out.append("set sip host " + self.addr)
        if self.line:
            out += ["set line listen-%s v4 %s %d" % (how, self.addr, port) for how, port in
                    (("udp", 5070), ("tcp", 5070), ("tls", 5071))]
        for kind, table in (("peer", self.sip_peers), ("route", self.sip_routes)):
            for key, rows in table.items():
                out += ["set sip %s %s %s %s" % (kind, key, k, v) for k, v in rows.items()]
        return out

    # ---- life
    def start(self, wait=True, is_empty=False):
        """is_empty: a fresh box, with no settings and no accounts."""
        self.program = Program(self.place, self.name, self._guard() + ([need("prlimit"), "--nofile=%d" % self.files] if self.files else []) + [
            os.path.join(BIN, "gh-super"), "--bin", BIN, "--state", self.state, "--run", self.run] + self.super_options,
            env={"NOTIFY_SOCKET": self._manager()})
        wait_for("%s has its console" % self.name, lambda: os.path.exists(self.socket), 10)
        self._retry(lambda: self.ghsh("show version\n"), 10)
        if is_empty:
            self._retry(lambda: self.records("show", "keys"), 10)
            self._await_ready()
            return self
        self._retry(lambda: self.ghsh(self.script()), 15)
        self._settle()
        self._await_ready()
        if wait:
            wait_for("%s listens" % self.name,
                     lambda: all(port_open(self.addr, port) for port in self._doors()), 10)
            for what, port in (self.has_sip and self.role != "core") * (("SIP", 5061),) + self.line * (("SIP clients", 5071),):
                wait_for("%s listens for %s" % (self.name, what), lambda: port_open(self.addr, port), 10)
        for name, password in self.users.items():
            self._retry(lambda: self.ghsh("user add %s@%s %s\n" % (name, self.domain, password)), 10)
        return self

    def _doors(self):
        """A core's are for its own people, an edge's for partners."""
        return {"combined": (5222, 5269), "core": (5222,), "edge": (5269,)}[self.role]

    def _manager(self):
        """What systemd is to gh-super on the appliance (sd_notify(3))."""
        path = os.path.join(self.place.folder, self.name + ".notify")
        if os.path.exists(path):
            os.unlink(path)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(path)
        return path

    def _await_ready(self):
        """Programs start in stages (firmware/super/stage.c): until it says so, some are still to come, or have no settings yet."""
        with self.manager:
            self.manager.settimeout(40 * PATIENCE)
            try:
                if self.manager.recv(100) != b"READY=1":
                    raise Failed("gh-super says something else to its service manager")
            except TimeoutError:
                raise Failed("gh-super does not say that it is ready") from None

    def _guard(self):
        """A box that thinks the machine is its own: this machine's host name and clock are out of its reach."""
        if "--appliance" not in self.super_options:
            return []
        return [need("unshare"), "--uts", need("setpriv"), "--bounding-set", "-sys_time"]

    def host_name(self):
        """The kernel's, as the box sees it."""
        return subprocess.run([need("nsenter"), "--uts=/proc/%d/ns/uts" % self.program.pid, need("uname"), "-n"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()

    def _settle(self):
        wait_for("gh-s2s has its settings", self._has_settings, 10)

    def _has_settings(self):
        got = self.operator("federation", "check", self.domain)
        return "no domain lives here" not in got.stdout + got.stderr

    @staticmethod
    def _retry(fn, seconds):
        """What fails while the programs are still starting."""
        last = []

        def once():
            try:
                fn()
                return True
            except Failed as e:
                last[:] = [e]
                return False
        try:
            wait_for("a running box", once, seconds, 0.2)
        except Failed:
            raise last[0] from None

    def user(self, name, password="secret"):
        self.users[name] = password
        if self.program:
            self.ghsh("user add %s@%s %s\n" % (name, self.domain, password))
        return "%s@%s" % (name, self.domain)

    def publish(self, dns=None, port=5269, direct=False):
        """Our records: where partners find us."""
        dns = dns or self.dns
        host = "xmpp." + self.domain
        dns.a(host, "::1" if self.port6 else self.addr)
        dns.srv(self.domain, host, self.port6 or port)
        if direct:
            dns.srv(self.domain, host, 5270, service="_xmpps-server")
        return self

    def sip_publish(self, dns=None):
        """Where SIP partners find us (RFC 3263)."""
        dns = dns or self.dns
        host = "sip." + self.domain
        dns.a(host, self.addr)
        dns.naptr(self.domain, "SIPS+D2T", "_sips._tcp." + self.domain)
        dns.srv(self.domain, host, 5061, service="_sips")
        return self

    def log(self):
        return self.program.text()

    def pids(self):
        """{"gh-s2s/0": pid} of the children of gh-super."""
        out = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open("/proc/%s/stat" % entry) as f:
                    stat = f.read()
                with open("/proc/%s/cmdline" % entry, "rb") as f:
                    argv = f.read().split(b"\0")
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) != self.program.pid:
                continue
            name = os.path.basename(argv[0].decode(errors="replace"))
            if name == "gh-super":  # forked, not yet the program that it will be
                continue
            instance = argv[argv.index(b"--instance") + 1].decode() if b"--instance" in argv else "0"
            out["%s/%s" % (name, instance)] = int(entry)
        return out

    def pid(self, program, instance=0):
        """Of one program; on a loaded machine the last ones are not there yet when the box answers."""
        key = "%s/%d" % (program, instance)
        return wait_for("%s runs" % key, lambda: self.pids().get(key), 15)

    def kill(self, program, instance=0):
        """kill -9, and waits until gh-super has started it again."""
        key = "%s/%d" % (program, instance)
        old = self.pid(program, instance)
        os.kill(old, signal.SIGKILL)
        wait_for("%s runs again" % key, lambda: self.pids().get(key) not in (None, old), 15)
        return old

    def running(self):
        """The names of all programs that run."""
        return {key.split("/")[0] for key in self.pids()}

    def memory_kib(self):
        total = 0
        for pid in self.pids().values():
            try:
                with open("/proc/%d/smaps_rollup" % pid) as f:
                    total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
            except (OSError, AttributeError):
                continue
        return total

    def federation(self, domain):
        """All words of `show federation DOMAIN`, for assertions on reasons."""
        return json.dumps(self.records("show", "federation", domain, check=False))

    def wait_reason(self, domain, reason, seconds=10):
        """The reason stands in our log and in `show federation`."""
        wait_for("log says %s for %s" % (reason, domain),
                 lambda: any(domain in l and reason in l for l in self.log().splitlines()), seconds)
        wait_for("show federation %s says %s" % (domain, reason),
                 lambda: reason in self.federation(domain), seconds, 0.3)

    def stop(self):
        self.program.stop()
