"""A bond by LACP (IEEE 802.1AX, which was 802.3ad) on the image's own kernel, with a switch that speaks it: both legs carry, a cable is pulled,
a port is moved into another group; `show interfaces` and the alarms say which leg it is. Root only."""
import json
import os
import re
import socket
import struct
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "peer"))

from harness.case import PeerCase  # noqa: E402
from harness.netns import here, own_network  # noqa: E402
from harness.place import Failed, wait_for  # noqa: E402
from machine import Machine, started_disk  # noqa: E402
from switch import FRAME_MAX, Cable, Switch  # noqa: E402

SLOW = b"\x88\x09"  # IEEE 802.3 Annex 57A: LACP is one of the slow protocols
SYSTEM = bytes.fromhex("020000000009")
NEAR, BOX = "10.78.0.1", "10.78.0.2"
MACS = ["52:54:00:78:00:0%d" % n for n in range(2)]
# It asks for a PDU each second, belongs to an aggregate, agrees with it, takes and gives frames (6.4.2.3).
STATE = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x20


class FastCable(Cable):
    """LACP wants to know that a card is full duplex (6.4.6): a virtual one says so only when it is told to."""

    def options(self):
        *before, device = super().options()
        return before + [device + ",speed=1000,duplex=full"]


class LacpSwitch(Switch):
    """groups[n]: the LACP group (key) of the port of cable n; None: it speaks no LACP there."""

    def __init__(self, taps, cables):
        super().__init__(taps, cables)
        self.groups = [15] * len(cables)

    def _from_cable(self, cable):
        if cable.socket.recv(FRAME_MAX, socket.MSG_PEEK)[12:14] != SLOW:
            super()._from_cable(cable)
            return
        frame, n = cable.socket.recv(FRAME_MAX), self.cables.index(cable)
        if len(frame) < 124 or frame[14:16] != b"\x01\x01" or self.groups[n] is None:
            return
        actor = struct.pack(">BBH6sHHHB3x", 1, 20, 0x8000, SYSTEM, self.groups[n], 0x80, n + 1, STATE)
        partner = b"\x02\x14" + frame[18:36]  # what it says of itself, back to it
        answer = bytes.fromhex("0180c2000002") + SYSTEM[:5] + bytes([0x10 + n]) + SLOW + b"\x01\x01" + actor + partner
        answer += struct.pack(">BBH12x", 3, 16, 0) + b"\0" * 52
        try:
            cable.socket.sendto(answer, cable.there)
        except OSError:  # no machine is there now
            pass


class TestLacp(PeerCase):
    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("the machine's network is made as root only")
        own_network()
        cls.cables = [FastCable(cls.place.path(), "cable%d" % n, mac) for n, mac in enumerate(MACS)]
        cls.switch = LacpSwitch({"plain": 0}, cls.cables)
        here("addr", "add", NEAR + "/24", "dev", "plain")
        here("link", "set", "plain", "up")
        cls.switch.start()
        cls.place.on_close(cls.switch.close)
        cls.monitor = cls.place.path("monitor")
        options = [word for c in cls.cables for word in c.options()] + ["-qmp", "unix:%s,server=on,wait=off" % cls.monitor]
        cls.machine = Machine(started_disk(cls.place.path()), extra=options)
        cls.place.on_close(cls.machine.cut)
        cls.machine.log_in(300)
        cls.legs = [next(r["device"] for r in cls.records("show interfaces") if r.get("mac") == mac) for mac in MACS]
        for line in ("set ssh listen all 0.0.0.0 22", 'set interface b bond-members "%s %s"' % tuple(cls.legs), "set interface b bond-mode 802.3ad",
                     "set interface b ipv4 static", "set interface b ipv4-address %s/24" % BOX):
            got = cls.machine.command(line)
            if "error" in got:
                raise Failed("%s: %s" % (line, got))
        got = cls.machine.command("commit")
        if "generation" not in got:
            raise Failed(got)

    @classmethod
    def records(cls, line):
        """What the console shows, page by page: wide records have a line for each value and an empty line behind them."""
        more, m = "-- more: space, or q --", cls.machine
        m.send(line)
        m.expect(line, 60)
        before = m.at
        while m.expect(r"%s|^\S+[>#] " % more, 60).group(0).decode() == more:
            m.serial.setblocking(True)
            m.serial.sendall(b" ")
            m.serial.setblocking(False)
        text = re.sub(more + " *", "", m.text[before:m.at].decode(errors="replace"))
        cls.shown = text
        return [dict(re.findall(r"(?m)^([a-z_]+)(?:[ \t]+(\S.*?))?[ \t]*$", block)) for block in re.split(r"\n[ \t]*\n", text)]

    def bond(self):
        return next((r for r in self.records("show interfaces") if r.get("interface") == "b"), {})

    def alarm(self, leg):
        """All that `show alarms` says, when the leg's alarm is in it; "" when not."""
        self.records("show alarms")
        return self.shown if "BondMemberDown" in self.shown and "b " + leg in self.shown else ""

    def pull(self, n, is_up=False):
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

    def is_reached(self):
        try:
            with socket.create_connection((BOX, 22), 2) as s:
                s.settimeout(10)
                return s.recv(200).startswith(b"SSH-2.0-")
        except OSError:
            return False

    def whole(self):
        b = self.bond()
        agreed = "aggregator " + b.get("lacp_aggregator", "?")
        return b if b.get("lacp_ports") == "2" and b.get("members", "").count("up, " + agreed) == 2 else None

    def test_1_both_legs_are_in_the_aggregate(self):
        b = wait_for("both legs agree", self.whole, 120, 2)
        self.assertEqual((b["mode"], b["lacp_partner"], b["lacp_partner_key"], b["link"]), ("802.3ad", "02:00:00:00:00:09", "15", "up"))
        wait_for("the box is reached", self.is_reached, 60, 1)
        for leg in self.legs:
            self.assertFalse(self.alarm(leg))

    def test_2_a_cable_is_pulled(self):
        self.pull(1)
        text = wait_for("the alarm of the leg", lambda: self.alarm(self.legs[1]), 90, 2)
        self.assertIn("has no carrier", text)
        self.assertFalse(self.alarm(self.legs[0]))
        b = self.bond()
        self.assertIn(self.legs[1] + " no carrier", b["members"])
        self.assertEqual(b["lacp_ports"], "1")
        wait_for("the other leg does it", self.is_reached, 60, 1)
        self.pull(1, is_up=True)
        wait_for("both legs agree again", self.whole, 120, 2)
        wait_for("the alarm has ended", lambda: not self.alarm(self.legs[1]), 60, 2)

    def test_3_a_port_in_another_group(self):
        self.switch.groups[1] = 16
        text = wait_for("the alarm of the leg", lambda: self.alarm(self.legs[1]), 240, 5)
        self.assertIn("LACP group", text)
        b = self.bond()
        self.assertRegex(b["members"], r"%s up, not in the aggregate \(aggregator \d+\)" % self.legs[1])
        wait_for("the box is reached", self.is_reached, 60, 1)
        self.switch.groups[1] = 15
        wait_for("both legs agree again", self.whole, 120, 2)
        wait_for("the alarm has ended", lambda: not self.alarm(self.legs[1]), 60, 2)
