"""The short story, as a buyer's first hour: switched on, a password chosen at the console, the network set; then all from outside over
that network: SSH, a partner (Prosody), a client, calls' relay (coturn's tools), a port scan; then the mains switch, and all is as it was.
In a network namespace of its own, on a tap. Root only."""
import os
import re
import selectors
import socket
import subprocess
import sys
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "peer"))

from harness.case import PeerCase  # noqa: E402
from harness.dns import Dns  # noqa: E402
from harness.netns import here, own_network  # noqa: E402
from harness.place import Failed, Program, need, port_open, wait_for  # noqa: E402
from harness.prosody import Prosody  # noqa: E402
from harness.turnclient import keys  # noqa: E402
from machine import PASSWORD, Disk, Machine  # noqa: E402

BOX, HOST, PARTNER, PEER, DNS = ("10.79.0.%d" % n for n in (2, 1, 3, 4, 53))
SECRET, RELAY_USER, REALM = "secret", "u1", "near.example"
# What the settings below open, and nothing else (TCP).
OPEN = [22, 443, 3478, 5222, 5223, 5269]


class Box:
    """What raw.login and the tests of federation want of a server."""
    addr, domain, users = BOX, "near.example", {"juliet": SECRET}


class Story(PeerCase):
    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("the machine's network is made as root only")
        own_network()
        here("tuntap", "add", "dev", "tap0", "mode", "tap")
        for a in (HOST, PARTNER, PEER, DNS):
            here("addr", "add", a + "/24", "dev", "tap0")
        here("link", "set", "tap0", "txqueuelen", "20000", "up")  # a scan's packets are not lost on the way
        cls.dns = Dns(cls.place, DNS)
        cls.dns.a("xmpp.near.example", BOX)
        cls.dns.srv("near.example", "xmpp.near.example", 5269)
        cls.dns.a("xmpp.far.example", PARTNER)
        cls.dns.srv("far.example", "xmpp.far.example", 5269)
        cls.gh = Box()
        cls.disk = Disk(cls.place.path())
        cls.machine = None
        cls.place.on_close(lambda: cls.machine and cls.machine.cut())
        cls.switch_on()
        cls.machine.first_login(300)
        cls.at_the_console()
        cls.key = cls.place.path("id")
        subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", cls.key], check=True)
        cls.over_ssh()
        cls.far = Prosody(cls.place, "far.example", cls.pki.make("good", "far.example"), cls.pki.ca, cls.dns, addr=PARTNER, dialback=False)
        cls.far.user("romeo")
        cls.far.start()

    @classmethod
    def switch_on(cls):
        cls.machine = Machine(cls.disk, nets=("tap,ifname=tap0,script=no,downscript=no,model=virtio-net-pci",))

    @classmethod
    def at_the_console(cls):
        """No port is open before this."""
        cls.open_before = cls.scan()
        for line in ("set interface a ipv4 static", "set interface a ipv4-address %s/24" % BOX, "set ssh listen a %s 22" % BOX):
            cls.machine.command(line)
        said = cls.machine.command("commit")
        if "generation" not in said:
            raise Failed(said)
        wait_for("the box listens for SSH", lambda: port_open(BOX, 22), 180)

    # ---- SSH, with the password and with a key
    @classmethod
    def options(cls):
        return ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=" + cls.place.path("known"), "-o", "LogLevel=ERROR",
                "-o", "ConnectTimeout=30"]

    @classmethod
    def with_password(cls, program, *words, stdin=""):
        ask = cls.place.write("ask", "#!/bin/sh\necho '%s'\n" % PASSWORD, 0o755)
        env = dict(os.environ, SSH_ASKPASS=ask, SSH_ASKPASS_REQUIRE="force", DISPLAY=":0")
        return subprocess.run([need(program), *cls.options(), "-o", "PubkeyAuthentication=no", "-o", "BatchMode=no", *words], env=env, input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, start_new_session=True, cwd=cls.place.path())

    @classmethod
    def ssh(cls, *words, stdin=""):
        return subprocess.run([need("ssh"), *cls.options(), "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", cls.key, "admin@" + BOX, *words],
                              input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, cwd=cls.place.path())

    @classmethod
    def settings(cls):
        return [
            "operator key add admin id.pub",
            "certificate import own certificates/own.pem", "set domain near.example certificate own",
            "set trust system off", "set trust anchor test certificates/ca.pem",
            "set dns server 1 %s 5353" % DNS,
            "set federation mode allow-list", "set federation peer far.example action allow",
            "set federation listen v4 %s 5269" % BOX,
            "set access listen v4 %s 5222" % BOX, "set access listen-tls v4 %s 5223" % BOX,
            "set web listen v4 %s 443" % BOX, "set web certificate own",
            "set turn listen-udp v4 %s 3478" % BOX, "set turn listen-tcp v4 %s 3478" % BOX, "set turn realm " + REALM,
            "set turn relay-address v4 " + BOX, "set turn port-min 50000", "set turn port-max 50999",
            'set turn user %s key "%s"' % (RELAY_USER, keys(RELAY_USER, SECRET, REALM)),
            "set turn allow-peer test %s/32" % PEER,
            "commit", "user add juliet@near.example " + SECRET]

    @classmethod
    def over_ssh(cls):
        own = cls.pki.make("good", "near.example")
        cls.place.write("own.pem", own.text() + own.key_text())
        with open(cls.pki.ca) as ca:
            cls.place.write("ca.pem", ca.read())
        put = cls.with_password("sftp", "-b", "-", "admin@" + BOX, stdin="put id.pub\nput own.pem certificates/own.pem\nput ca.pem certificates/ca.pem\n")
        if put.returncode:
            raise Failed("sftp: " + put.stdout)
        done = cls.with_password("ssh", "admin@" + BOX, stdin="\n".join(cls.settings()) + "\n")
        if "error" in done.stdout or done.returncode:
            raise Failed("over SSH: %d: %s" % (done.returncode, done.stdout))
        for port in OPEN:
            wait_for("the box listens on %d" % port, lambda: port_open(BOX, port), 60)

    def test_ssh_by_key(self):
        got = self.ssh("show version")
        self.assertEqual(got.returncode, 0, got.stdout)
        self.assertIn("gatehouse", got.stdout.lower())

    def test_ssh_wrong_password_and_root(self):
        for who in ("root", "nobody"):
            got = self.with_password("ssh", who + "@" + BOX, "show version")
            self.assertNotEqual(got.returncode, 0, got.stdout)

    # ---- a port scan
    @staticmethod
    def scan(address=BOX, ports=range(1, 65536), most=15000, pace=2000):
        """TCP ports that answer with a connection. Each is asked three times by the kernel when nothing comes: at once, after 1 s, after 3 s."""
        open_ports = []
        for first in range(0, len(ports), most):
            with selectors.DefaultSelector() as s:
                def take(seconds):
                    end = time.monotonic() + seconds
                    while time.monotonic() < end:
                        for key, _ in s.select(max(0, end - time.monotonic())):
                            if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                                open_ports.append(key.data)
                            s.unregister(key.fileobj)
                            key.fileobj.close()
                chunk = ports[first:first + most]
                for at in range(0, len(chunk), pace):
                    for port in chunk[at:at + pace]:
                        sock = socket.socket()
                        sock.setblocking(False)
                        sock.connect_ex((address, port))
                        s.register(sock, selectors.EVENT_WRITE, port)
                    take(0.25)
                take(4)
                for key in list(s.get_map().values()):
                    key.fileobj.close()
        return sorted(open_ports)

    def test_ports_are_the_enabled_ones(self):
        self.assertEqual(self.open_before, [], "before the first login")
        self.assertEqual(self.scan(), OPEN)

    # ---- what it is for
    def speaks_with_the_partner(self, text):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, text + ", out", 40)
        self.chat(r, j, text + ", and back", 40)

    def test_a_partner_and_a_client(self):
        self.speaks_with_the_partner("hello")
        self.assertIn("pkix", self.ssh("show federation far.example").stdout)

    def partner_comes_back(self):
        """The partner's stream from before is ended by a reset as soon as it uses it; what it wrote into it comes back to its sender
        (Prosody), and the next message arrives."""
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        r.message(j.jid, "into the stream from before")
        time.sleep(5)
        self.chat(r, j, "after the mains switch, in", 60)
        self.chat(j, r, "and out", 60)

    def test_relay(self):
        peer = Program(self.place, "echo-peer", [need("turnutils_peer"), "-L", PEER, "-p", "3480"])
        try:
            got = subprocess.run([need("turnutils_uclient"), "-u", RELAY_USER, "-w", SECRET, "-L", HOST, "-e", PEER, "-c", "-s", "-n", "20", "-m", "2", BOX],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        finally:
            peer.stop()
        self.assertEqual(got.returncode, 0, got.stdout[-2000:])
        self.assertEqual(re.findall(r"tot_recv_msgs=(\d+)", got.stdout)[-1:], ["40"], got.stdout[-2000:])

    def test_web(self):
        got = subprocess.run([need("curl"), "-sS", "--cacert", self.pki.ca, "--resolve", "near.example:443:" + BOX, "-o", "-", "-m", "60",
                              "https://near.example/"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # A build without its pages says so.
        self.assertRegex(got.stdout.lower(), "<html|its api is at")

    def test_z_the_mains_switch_and_all_is_as_it_was(self):
        self.machine.cut()
        type(self).switch_on()
        wait_for("the box listens for partners", lambda: port_open(BOX, 5269), 600)
        print("mains switch to listening for partners: %.1f s, load %.1f" % (self.machine.seconds(), os.getloadavg()[0]), flush=True)
        wait_for("the box listens for SSH", lambda: port_open(BOX, 22), 60)
        self.partner_comes_back()
        self.assertEqual(self.scan(), OPEN)
        got = self.ssh("show version")
        self.assertEqual(got.returncode, 0, got.stdout)
