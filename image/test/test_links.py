"""VLANs, a bond, a VLAN on the bond, on the image's own kernel: made by settings at the console, used over a switch that looks at the tags,
a cable of the bond pulled while a connection stands, and all gone with its settings. Root only."""
import json
import os
import re
import socket
import sys
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "peer"))

from harness.case import PeerCase  # noqa: E402
from harness.netns import here, own_network  # noqa: E402
from harness.place import Failed, wait_for  # noqa: E402
from machine import Machine, started_disk  # noqa: E402
from switch import Cable, Switch  # noqa: E402

# Tap of this side: its VLAN (0: none), what this side and the box are called there.
TAPS = {"plain": 0, "office": 7, "lab": 9}
NEAR = {"plain": "10.79.0.1", "office": "10.79.7.1", "lab": "10.79.9.1"}
BOX = {"plain": "10.79.0.2", "office": "10.79.7.2", "lab": "10.79.9.2"}
FAR = "10.99.0.1"  # behind a gateway in the office's VLAN
MACS = ["52:54:00:79:00:0%d" % n for n in range(3)]


class TestLinks(PeerCase):
    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("the machine's network is made as root only")
        own_network()
        cls.cables = [Cable(cls.place.path(), "cable%d" % n, mac) for n, mac in enumerate(MACS)]
        cls.switch = Switch(TAPS, cls.cables)
        for tap in TAPS:
            here("addr", "add", NEAR[tap] + "/24", "dev", tap)
            here("link", "set", tap, "up")
        cls.switch.start()
        cls.place.on_close(cls.switch.close)
        cls.monitor = cls.place.path("monitor")
        options = [word for c in cls.cables for word in c.options()] + ["-qmp", "unix:%s,server=on,wait=off" % cls.monitor]
        cls.machine = Machine(started_disk(cls.place.path()), extra=options)
        cls.place.on_close(cls.machine.cut)
        cls.machine.log_in(300)
        cls.card, *cls.legs = [cls.device_of(mac) for mac in MACS]
        cls.says("set ssh listen all 0.0.0.0 22")

    @classmethod
    def rows(cls):
        """`show interfaces` at the console, page by page: wide records have a line for each value and an empty line behind them."""
        more, m = "-- more: space, or q --", cls.machine
        m.send("show interfaces")
        m.expect("show interfaces", 60)
        before = m.at
        while m.expect(r"%s|^\S+[>#] " % more, 60).group(0).decode() == more:
            m.serial.setblocking(True)
            m.serial.sendall(b" ")
            m.serial.setblocking(False)
        text = re.sub(more + " *", "", m.text[before:m.at].decode(errors="replace"))
        rows = [dict(re.findall(r"(?m)^([a-z_]+)(?:[ \t]+(\S.*?))?[ \t]*$", block)) for block in re.split(r"\n[ \t]*\n", text)]
        rows = [r for r in rows if "device" in r]
        if not rows:
            raise Failed("show interfaces: " + text)
        return rows

    @classmethod
    def device_of(cls, mac):
        return next(r["device"] for r in cls.rows() if r["mac"] == mac)

    @classmethod
    def says(cls, *lines):
        for line in lines:
            got = cls.machine.command(line)
            if "error" in got:
                raise Failed("%s: %s" % (line, got))
        got = cls.machine.command("commit")
        if "generation" not in got:
            raise Failed(got)

    def at(self, interface):
        return next((r for r in self.rows() if r["interface"] == interface), None)

    def members(self):
        """What `show interfaces` says of the bond's cards: {device: state}."""
        return dict(one.strip().split(" ", 1) for one in self.at("b")["members"].split(";"))

    def pull(self, n, is_up=False):
        """The cable out of the card, or into it again."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.monitor)
            lines = s.makefile("rw")
            lines.readline()
            for ask in ({"execute": "qmp_capabilities"}, {"execute": "set_link", "arguments": {"name": "cable%d" % n, "up": is_up}}):
                lines.write(json.dumps(ask) + "\n")
                lines.flush()
                answer = lines.readline()
                while '"return"' not in answer:
                    self.assertNotIn("error", answer)
                    answer = lines.readline()

    @staticmethod
    def reach(address, source=None, seconds=20):
        """A connection to the SSH server there, which has said who it is."""
        s = socket.create_connection((address, 22), seconds, (source, 0) if source else None)
        s.settimeout(3 * seconds)
        if not s.recv(200).startswith(b"SSH-2.0-"):
            raise Failed("no SSH at " + address)
        return s

    def is_reached(self, address, source=None):
        try:
            self.reach(address, source, 2).close()
            return True
        except OSError:
            return False

    def wait_reached(self, address, source=None):
        wait_for("the box at %s" % address, lambda: self.is_reached(address, source), 120)

    def seen(self, cables):
        """Tags of the frames that came by these cables since this was asked last."""
        vlans = set()
        for c in cables:
            was, c.vlans = c.vlans, []
            vlans |= set(was)
        return vlans

    def test_1_vlan_on_a_card(self):
        self.says("set interface a device " + self.card, "set interface a vlan 9", "set interface a ipv4 static",
                  "set interface a ipv4-address %s/24" % BOX["lab"])
        self.wait_reached(BOX["lab"])
        row = self.at("a")
        self.assertEqual((row["device"], row["link"], row["mac"], row["addresses"].split()[0]), ("vlan-a", "up", MACS[0], BOX["lab"] + "/24"))
        self.seen(self.cables)
        self.reach(BOX["lab"]).close()
        self.assertIn(9, self.seen(self.cables[:1]))
        # Another number is another network.
        self.says("set interface a vlan 7")
        wait_for("VLAN 9 is left", lambda: not self.is_reached(BOX["lab"]), 30)
        self.says("set interface a vlan 9")
        self.wait_reached(BOX["lab"])

    def test_2_bond_and_a_vlan_on_it(self):
        self.says('set interface b bond-members "%s %s"' % tuple(self.legs), "set interface b ipv4 static",
                  "set interface b ipv4-address %s/24" % BOX["plain"],
                  "set interface c device bond-b", "set interface c vlan 7", "set interface c ipv4 static",
                  "set interface c ipv4-address %s/24" % BOX["office"])
        self.wait_reached(BOX["plain"])
        self.wait_reached(BOX["office"])
        bond, vlan = self.at("b"), self.at("c")
        self.assertEqual((bond["device"], bond["link"], vlan["device"], vlan["link"]), ("bond-b", "up", "vlan-c", "up"))
        # Not one that udev made up, nor the other card's: the first member's own, as a DHCP server knew the box without the bond.
        self.assertEqual(bond["mac"], MACS[1])
        self.assertEqual((bond["mode"], self.members()), ("active-backup", {self.legs[0]: "up, active", self.legs[1]: "up"}))
        self.assertEqual(vlan["mac"], bond["mac"])
        self.assertEqual([r for r in self.rows() if r["device"] in self.legs], [])  # nobody else may have the legs
        self.seen(self.cables)
        self.reach(BOX["office"]).close()
        self.reach(BOX["plain"]).close()
        self.assertEqual(self.seen(self.cables[1:]), {0, 7})

    def carrying(self):
        """The leg by which the box sends now."""
        self.seen(self.cables)
        self.reach(BOX["plain"]).close()
        return next(n for n in (1, 2) if 0 in self.seen(self.cables[n:n + 1]))

    def goes_on(self, connection):
        """The server answers on the connection that stood: its offer of algorithms comes after our greeting."""
        connection.sendall(b"SSH-2.0-test\r\n")
        self.assertIn(b"curve25519", connection.recv(4000))
        connection.close()

    def test_3_a_leg_is_pulled_and_connections_stay(self):
        leg = self.carrying()
        plain, tagged = self.reach(BOX["plain"]), self.reach(BOX["office"])
        self.pull(leg)
        began = time.monotonic()
        self.goes_on(tagged)
        print("answered over the other leg after %.1f s" % (time.monotonic() - began), flush=True)
        self.goes_on(plain)
        self.assertEqual(self.carrying(), 3 - leg)
        self.assertEqual(self.members(), {self.legs[leg - 1]: "no carrier", self.legs[2 - leg]: "up, active"})
        # The other one, too, once the first is back.
        self.pull(leg, is_up=True)
        plain = self.reach(BOX["plain"])
        time.sleep(5)  # the kernel looks at its legs ten times a second, of its own time
        self.pull(3 - leg)
        self.goes_on(plain)
        self.assertEqual(self.carrying(), leg)
        # Both: nobody answers, and the link says so; one back: it is as it was.
        self.pull(leg)
        wait_for("the bond without a leg", lambda: self.at("b")["link"] == "no carrier", 30)
        self.assertFalse(self.is_reached(BOX["office"]))
        self.pull(leg, is_up=True)
        self.wait_reached(BOX["office"])
        self.pull(3 - leg, is_up=True)

    def test_4_a_route_by_the_vlan(self):
        here("addr", "add", FAR + "/32", "dev", "lo")
        self.assertFalse(self.is_reached(BOX["office"], FAR))
        self.says('set interface c routes "10.99.0.0/16 via %s"' % NEAR["office"])
        self.wait_reached(BOX["office"], FAR)
        self.says("delete interface c routes")
        wait_for("no way to the far side", lambda: not self.is_reached(BOX["office"], FAR), 30)
        here("addr", "del", FAR + "/32", "dev", "lo")

    def test_5_what_is_deleted_is_gone(self):
        self.says("delete interface c")
        wait_for("the VLAN is gone", lambda: not any(r["device"] == "vlan-c" for r in self.rows()), 30)
        self.assertFalse(self.is_reached(BOX["office"]))
        self.wait_reached(BOX["plain"])
        self.says("delete interface b", "delete interface a")
        wait_for("bond and VLANs are gone", lambda: sorted(r["device"] for r in self.rows()) == sorted([self.card] + self.legs), 30)
        self.assertEqual([(r["interface"], r["addresses"].count(".")) for r in self.rows()], [("", 0)] * 3)
        self.assertEqual([self.is_reached(a) for a in BOX.values()], [False] * 3)
