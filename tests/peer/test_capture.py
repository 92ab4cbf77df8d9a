"""Packet capture: real traffic on an Ethernet pair and on loopback, captured by operators' commands, read back by tshark
and tcpdump. Root only: packet sockets."""
import os
import signal
import socket
import struct
import subprocess
import threading
import time

from harness.case import PeerCase
from harness.netns import Namespace, own_network
from harness.place import BIN, Failed, need, wait_for

HERE, THERE = "10.77.0.1", "10.77.0.2"


class TestCapture(PeerCase):
    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("captures are tried as root only: they need CAP_NET_RAW, CAP_NET_ADMIN")
        own_network()
        cls.far = Namespace(cls)
        cls.far.wire("veth0", "far", THERE + "/24", far=[HERE + "/24"])
        cls.gh = cls.gatehouse("capture.example").start(is_empty=True)
        wait_for("gh-capture answers", lambda: cls.gh.operator("capture", "status").returncode == 0, 10)
        cls.folder = cls.place.path("fetched")
        os.makedirs(cls.folder)
        with cls.far:
            cls.echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            cls.echo.bind((THERE, 7000))
        cls.ends = threading.Event()
        threading.Thread(target=cls.serve, daemon=True).start()
        cls.place.on_close(cls.ends.set)

    @classmethod
    def serve(cls):
        cls.echo.settimeout(0.2)
        while not cls.ends.is_set():
            try:
                data, at = cls.echo.recvfrom(2000)
                cls.echo.sendto(data, at)
            except OSError:
                continue

    def send(self, n, size=100, port=7000, source=0):
        """n datagrams there and back."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((HERE, source))
            s.settimeout(5)
            for i in range(n):
                s.sendto(b"%04d" % i + b"x" * (size - 4), (THERE, port))
                if port == 7000:
                    s.recv(2000)

    def fetch(self, name):
        got = subprocess.run([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket, "capture", "get", name], cwd=self.folder,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        self.assertEqual(got.returncode, 0, got.stdout)
        return os.path.join(self.folder, name)

    def tshark(self, path, *fields, read=None):
        words = [need("tshark"), "-r", path, "-T", "fields"] + [w for f in fields for w in ("-e", f)]
        out = subprocess.run(words + (["-Y", read] if read else []), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return [line.split("\t") for line in out.stdout.splitlines()]

    def status(self, number=None):
        rows = self.gh.records("capture", "status")
        return rows[-1] if number is None else [r for r in rows if r["capture"] == str(number)][0]

    def start(self, *words):
        text = self.gh.operator("capture", "start", *words)
        self.assertEqual(text.returncode, 0, text.stderr)
        return self.status()

    def ended(self, number, why):
        wait_for("capture %s ends: %s" % (number, why), lambda: self.status(number)["state"] == why, 15)
        return self.status(number)

    def test_packets_of_the_filter_and_no_others(self):
        row = self.start("veth0", "seconds=30", "udp", "port", "7000", "and", "host", THERE)
        self.send(5)
        self.send(3, port=7001)  # another port: nobody there
        wait_for("ten packets", lambda: self.status(row["capture"])["packets"] == "10", 10)
        self.assertEqual(self.gh.operator("capture", "stop", row["capture"]).returncode, 0)
        self.ended(row["capture"], "it was stopped")
        path = self.fetch(row["file"])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        got = self.tshark(path, "ip.src", "udp.dstport", "frame.interface_name", "frame.len", "frame.cap_len")
        self.assertEqual(len(got), 10)
        self.assertEqual({r[2] for r in got}, {"veth0"})
        self.assertEqual([r[0] for r in got], [HERE, THERE] * 5)
        self.assertEqual({r[3] for r in got}, {"142"})
        times = [float(r[0]) for r in self.tshark(path, "frame.time_epoch")]
        self.assertEqual(times, sorted(times))
        self.assertLess(abs(times[0] - time.time()), 60)
        text = subprocess.run([need("tcpdump"), "-nr", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        self.assertEqual(len(text.splitlines()), 10)
        info = subprocess.run([need("capinfos"), path], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertIn("udp port 7000 and host " + THERE, info)

    def test_ends_by_packets_and_is_cut_to_the_snap_length(self):
        row = self.start("veth0", "packets=4", "snap=64", "udp", "port", "7000")
        self.send(5, size=1000)
        done = self.ended(row["capture"], "its packets are complete")
        self.assertEqual(done["packets"], "4")
        got = self.tshark(self.fetch(row["file"]), "frame.len", "frame.cap_len")
        self.assertEqual(got, [["1042", "64"]] * 4)

    def test_ends_by_time(self):
        row = self.start("veth0", "seconds=1", "icmp")
        self.assertEqual(self.ended(row["capture"], "its time is over")["packets"], "0")
        self.assertEqual(self.tshark(self.fetch(row["file"]), "frame.len"), [])

    def test_ends_by_bytes(self):
        row = self.start("veth0", "megabytes=1", "udp")
        self.send(800, size=1400, port=7001)
        done = self.ended(row["capture"], "its megabytes are full")
        self.assertLessEqual(int(done["bytes"]), 1 << 20)
        self.assertGreater(int(done["bytes"]), 1 << 19)
        path = self.fetch(row["file"])
        self.assertLessEqual(os.path.getsize(path), (1 << 20) + 200)
        self.assertEqual(len(self.tshark(path, "frame.len")), int(done["packets"]))

    def test_a_ring_keeps_the_newest(self):
        row = self.start("veth0", "megabytes=1", "files=4", "udp", "port", "7001")
        for _ in range(15):
            self.send(100, size=1400, port=7001, source=7500)
            time.sleep(0.05)
        wait_for("all packets", lambda: self.status(row["capture"])["packets"] == "1500", 10)
        self.gh.operator("capture", "stop", row["capture"])
        self.ended(row["capture"], "it was stopped")
        number = lambda name: int(name.rsplit("-", 1)[1].split(".")[0])
        # One that ended in the same second has the same name but for lower numbers.
        names = [r["file"] for r in self.gh.records("capture", "list") if r["file"].rpartition("-")[0] == row["file"].rpartition("-")[0]
                 and number(r["file"]) >= number(row["file"])]
        self.assertEqual(len(names), 4)
        self.assertNotIn(row["file"], names)
        names.sort(key=number)
        for name in names:
            self.assertLessEqual(os.path.getsize(self.fetch(name)), (1 << 18) + 200)
        last = self.tshark(self.fetch_again(names[-1]), "frame.len", "data.data")
        self.assertEqual(bytes.fromhex(last[-1][1])[:4], b"0099")

    def fetch_again(self, name):
        return os.path.join(self.folder, name)

    def test_loopback_shows_each_packet_once(self):
        row = self.start("lo", "packets=3", "udp", "port", "7900")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            to.bind(("127.0.0.1", 7900))
            for i in range(3):
                s.sendto(b"%d" % i, ("127.0.0.1", 7900))
        self.ended(row["capture"], "its packets are complete")
        got = self.tshark(self.fetch(row["file"]), "data.data")
        self.assertEqual([bytes.fromhex(r[0]) for r in got], [b"0", b"1", b"2"])

    def test_vlan_tags_are_in_the_file(self):
        arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, b"\2\0\0\0\0\5", socket.inet_aton("10.77.5.2"), b"", socket.inet_aton("10.77.5.1"))
        row = self.start("veth0", "seconds=20", "packets=1", "arp", "and", "ether", "src", "02:00:00:00:00:05")
        with self.far, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind(("far", 0))
            s.send(b"\xff" * 6 + b"\2\0\0\0\0\5" + struct.pack("!HHH", 0x8100, 5, 0x806) + arp)
        self.ended(row["capture"], "its packets are complete")
        self.assertEqual(self.tshark(self.fetch(row["file"]), "vlan.id", "arp.dst.proto_ipv4"), [["5", "10.77.5.1"]])

    def test_pcap_runs_until_ctrl_c(self):
        before = len(self.gh.records("capture", "list"))
        p = subprocess.Popen([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket, "pcap", "veth0", "udp", "port", "7000"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wait_for("it runs", lambda: len(self.gh.records("capture", "list")) > before, 10)
        self.send(2)
        wait_for("its packets", lambda: self.status()["packets"] == "4", 10)
        p.send_signal(signal.SIGINT)
        out, _ = p.communicate(timeout=10)
        self.assertEqual(p.returncode, 0, out)
        self.assertRegex(out, r"4 packets in veth0-\S+\.pcapng")
        self.assertEqual(self.status()["state"], "it was stopped")

    def test_refusals_change_nothing(self):
        before = self.gh.records("capture", "list")
        for words, why in ((("nosuch0",), "no such interface"), (("veth0", "port"), "filter:"), (("veth0", "seconds=0"), "seconds="),
                           (("veth0", "host", "a.example"), "filter:"), (("veth0", "megabytes=4000"), "no room"),
                           (("../../etc", "udp"), "no such interface"), (("x" * 40,), "so long a name"),
                           (("veth0", "udp " * 300), "too long")):
            got = self.gh.operator("capture", "start", *words)
            self.assertEqual(got.returncode, 1, words)
            self.assertIn(why, got.stderr)
        for words in (("capture", "get", "../conf/gen-00000001.conf"), ("capture", "get", "x.pcapng"), ("capture", "delete", "../x.pcapng"),
                      ("capture", "stop", "999"), ("--role", "operator", "capture", "start", "veth0"),
                      ("--role", "auditor", "capture", "stop")):
            self.assertEqual(self.gh.operator(*words).returncode, 1, words)
        self.assertEqual(self.gh.records("capture", "list"), before)

    def test_a_file_that_is_there_is_not_written_over(self):
        row = self.start("veth0", "packets=2", "udp", "port", "7000")
        self.send(1)
        self.ended(row["capture"], "its packets are complete")
        path = os.path.join(self.folder, row["file"])
        with open(path, "w") as f:
            f.write("mine")
        got = subprocess.run([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket, "capture", "get", row["file"]], cwd=self.folder,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
        self.assertEqual(got.returncode, 1)
        self.assertIn("is there already", got.stderr)
        with open(path) as f:
            self.assertEqual(f.read(), "mine")

    def test_a_killed_gh_capture_leaves_a_readable_file(self):
        row = self.start("veth0", "seconds=60", "udp", "port", "7000")
        self.send(3)
        wait_for("its packets", lambda: self.status(row["capture"])["packets"] == "6", 10)
        self.gh.kill("gh-capture")
        wait_for("gh-capture answers", lambda: self.gh.operator("capture", "status").returncode == 0, 10)
        self.assertEqual(len(self.tshark(self.fetch(row["file"]), "frame.len")), 6)
        again = self.start("veth0", "packets=2", "udp", "port", "7000")
        self.send(1)
        self.ended(again["capture"], "its packets are complete")


class TestCaptureFull(PeerCase):
    """The budget of capture disk holds over all captures together."""

    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("captures are tried as root only")
        own_network()
        cls.gh = cls.gatehouse("full.example").start(is_empty=True)
        wait_for("gh-capture answers", lambda: cls.gh.operator("capture", "status").returncode == 0, 10)

    def test_budget_counts_what_may_still_come(self):
        self.gh.commit("set capture disk 16")
        self.gh.ghsh("capture start lo megabytes=10 udp\n")
        got = self.gh.operator("capture", "start", "lo", "megabytes=10", "udp")
        self.assertIn("capture disk", got.stderr)
        self.gh.ghsh("capture start lo megabytes=5 udp\ncapture stop\n")
        wait_for("both have ended", lambda: not any("left" in r["state"] for r in self.gh.records("capture", "status")), 10)
        self.gh.ghsh("capture start lo megabytes=10 udp\ncapture stop\ncapture delete all\n")

    def test_four_at_a_time(self):
        for _ in range(4):
            self.gh.ghsh("capture start lo megabytes=1 icmp\n")
        got = self.gh.operator("capture", "start", "lo", "megabytes=1")
        self.assertIn("4 captures run already", got.stderr)
        self.gh.ghsh("capture stop\n")
