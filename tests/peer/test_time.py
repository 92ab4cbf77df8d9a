"""The appliance's clock and name: gh-time with chronyd against a time server of the tests (chronyd, too), in networks and with a host
name of its own, without the right to set this machine's clock (Gatehouse._guard). Root only."""
import os
import re
import socket
import time

from harness.case import PeerCase
from harness.dns import Dns
from harness.netns import Namespace, own_network
from harness.place import Failed, Program, need, wait_for

CAP_SYS_ADMIN, CAP_SYS_TIME = 21, 25
KEYS = "7 AES128 HEX:30313233343536373839616263646566\n20 SHA256 HEX:00ff10\n"


class Time(PeerCase):
    IS_LONG = True
    @classmethod
    def build(cls):
        if os.getuid() != 0:
            raise Failed("the clock is tried as root only: it needs users and networks of its own")
        own_network("10.78.9.1/32", "10.78.9.2/32")
        cls.far = Namespace(cls)
        cls.far.wire("port0", "far0", "10.78.1.2/24", far=("10.78.1.1/24",))
        for a in ("10.78.1.3/24", "10.78.1.4/24"):
            cls.far.ip("addr", "add", a, "dev", "far0")
        cls.server = cls.time_server("ntp")
        cls.dns, cls.inner = Dns(cls.place, "10.78.9.1"), Dns(cls.place, "10.78.9.2")
        cls.gh = cls.gatehouse("time.example")
        cls.gh.super_options = ["--appliance"]
        cls.gh.start(is_empty=True)
        wait_for("gh-time answers", lambda: cls.gh.operator("show", "time").returncode == 0, 10)
        cls.gh.commit("set interface a device port0", "set interface a ipv4 static", "set interface a ipv4-address 10.78.1.1/24",
                      "set dns server 1 10.78.9.1 5353", "set dns query-timeout 1000",
                      "set dns forward-zone inner.example server 10.78.9.2:5353", "set time alarm-after 10")

    @classmethod
    def time_server(cls, name, *lines):
        """chronyd as a server, in the far network; it does not touch the clock either."""
        folder = cls.place.path(name + "-chrony")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        keys = cls.place.write(name + ".keys", KEYS)
        conf = cls.place.write(name + ".conf", "local stratum 4\nallow all\nkeyfile %s\nport 123\ncmdport 0\nbindcmdaddress %s/sock\npidfile %s/pid\n%s\n"
                               % (keys, folder, folder, "\n".join(lines)))
        return Program(cls.place, name, cls.far.words(need("chronyd"), "-d", "-x", "-u", "root", "-f", conf))

    def tearDown(self):
        rows = [r["setting"] for r in self.gh.records("show", "settings", "time")]
        names = {" ".join(r.split()[:3]) for r in rows if r.split()[1] in ("server", "key")}
        if names:
            self.gh.commit(*["delete " + n for n in names])
        wait_for("no alarm", lambda: not self.standing(), 15)

    def shown(self):
        return self.gh.records("show", "time")[0]

    def sources(self):
        return self.gh.records("show", "time", "sources")

    def standing(self):
        return [r for r in self.gh.records("show", "alarms") if r["alarm"] == "TimeNotSynchronised"]

    def wait_state(self, state, seconds=40):
        try:
            return wait_for("the clock is " + state, lambda: self.shown()["state"] == state and self.shown(), seconds, 0.5)
        except Failed as e:
            raise Failed("%s: %s %s\n%s" % (e, self.shown(), self.sources(), "\n".join(l for l in self.gh.log().splitlines() if " time." in l)[-3000:]))

    @staticmethod
    def rows(name, *more):
        return ["set time server %s %s" % (name, m) for m in more + ("poll-min 1", "poll-max 2")]

    # ---- NTP
    def test_a_server_with_its_key(self):
        self.gh.commit("set time key 7 secret 0123456789abcdef", *self.rows("one", "address 10.78.1.2", "key 7"))
        got = self.wait_state("synchronised")
        self.assertEqual((got["source"], got["stratum"], got["sets_clock"], got["trouble"]), ("10.78.1.2", "5", "no", ""))
        self.assertRegex(got["offset"], r"^[+-]0\.0\d+ s$")
        source = self.sources()[0]
        self.assertEqual((source["server"], source["state"], source["proof"], source["stratum"]), ("one", "followed", "key 7", "4"))
        self.assertFalse(self.standing())

    def test_a_wrong_key_is_refused_and_raises_the_alarm(self):
        self.gh.commit("set time key 7 secret 0123456789abcdeX", *self.rows("one", "address 10.78.1.2", "key 7"))
        alarm = wait_for("the alarm", self.standing, 40, 0.5)[0]
        self.assertIn("right key", alarm["text"])
        self.assertEqual((self.shown()["state"], self.sources()[0]["state"]), ("not synchronised", "no answer"))
        self.gh.commit("set time key 7 secret hex:30313233343536373839616263646566")
        self.wait_state("synchronised")
        wait_for("no alarm", lambda: not self.standing(), 15)

    def test_a_digest_key(self):
        self.gh.commit("set time key 20 type sha256", "set time key 20 secret hex:00ff10", *self.rows("one", "address 10.78.1.2", "key 20"))
        self.wait_state("synchronised")

    def test_a_server_that_goes_raises_the_alarm_and_comes_back(self):
        self.gh.commit(*self.rows("one", "address 10.78.1.2"))
        self.wait_state("synchronised")
        self.server.stop()
        try:
            alarm = wait_for("the alarm", self.standing, 60, 0.5)[0]
            self.assertEqual((alarm["severity"], alarm["program"]), ("major", "gh-time"))
            self.assertIn("no time server answers", alarm["text"])
        finally:
            type(self).server = self.time_server("ntp")
        self.wait_state("synchronised", 60)
        wait_for("no alarm", lambda: not self.standing(), 15)

    def test_names_come_from_our_name_servers_and_zones(self):
        """Each address of a name is a source; a name of a forward zone is asked of the zone's server alone."""
        self.dns.a("ntp.outer.example", "10.78.1.2", "10.78.1.3")
        self.inner.a("ntp.inner.example", "10.78.1.4")
        self.gh.commit(*self.rows("two", "address ntp.outer.example"), *self.rows("three", "address ntp.inner.example"))
        self.wait_state("synchronised")
        wait_for("three sources", lambda: sorted(s["server"] for s in self.sources()) == ["three", "two", "two"], 30, 0.5)
        self.assertEqual(self.dns.count("ntp.inner.example"), 0)
        self.assertEqual(self.inner.count("ntp.outer.example"), 0)

    def test_a_name_that_is_found_later(self):
        self.gh.commit(*self.rows("late", "address late.outer.example"))
        wait_for("it is said", lambda: "time.server.unknown server=late.outer.example" in self.gh.log(), 15)
        self.dns.a("late.outer.example", "10.78.1.2")
        self.gh.ghsh("dns flush\n")
        self.wait_state("synchronised", 75)  # looked up again within half a minute

    def test_a_killed_chronyd_and_a_killed_gh_time_come_back(self):
        self.gh.commit(*self.rows("one", "address 10.78.1.2"))
        self.wait_state("synchronised")
        os.kill(self.chronyd(), 9)
        wait_for("it is said", lambda: "time.chronyd.ended" in self.gh.log(), 10)
        wait_for("another chronyd", self.chronyd, 15)
        self.wait_state("synchronised")
        old = self.chronyd()
        self.gh.kill("gh-time")
        wait_for("another chronyd", lambda: self.chronyd() not in (None, old), 20)
        self.wait_state("synchronised")

    def chronyd(self):
        """The one below gh-time's keeper."""
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % entry, "rb") as f:
                    line = f.read()
                if line.startswith(b"/usr/sbin/chronyd\0-d\0-U\0") and self.gh.state.encode() in line:
                    return int(entry)
            except OSError:
                continue
        return None

    def test_chronyd_is_shut_in(self):
        """Not root, no right but the clock's (here: none), a filter of its own, no port open, nothing for others to read."""
        self.gh.commit("set time key 7 secret 0123456789abcdef", *self.rows("one", "address 10.78.1.2", "key 7"))
        self.wait_state("synchronised")
        with open("/proc/%d/status" % self.chronyd()) as f:
            status = dict(re.findall(r"^(\w+):\s+(.*)$", f.read(), re.M))
        self.assertNotIn("0", status["Uid"].split())
        self.assertEqual(int(status["CapEff"], 16) & ~(1 << CAP_SYS_TIME), 0)
        self.assertEqual(int(status["CapBnd"], 16) & (1 << CAP_SYS_ADMIN), 0)
        self.assertEqual((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("0.0.0.0", 123))  # nobody has it
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 323))
        folder = os.path.join(self.gh.state, "time")
        for name in ("chrony.conf", "chrony.keys", "anchors.pem"):
            self.assertEqual(os.stat(os.path.join(folder, name)).st_mode & 0o777, 0o640, name)
        self.assertNotIn("0123456789abcdef", self.gh.log())
        self.assertNotIn("30313233", self.gh.ghsh("show settings time\nsave\n"))

    def test_no_server_stops_it(self):
        self.gh.commit(*self.rows("one", "address 10.78.1.2"))
        wait_for("chronyd", self.chronyd, 10)
        self.gh.commit("delete time server one")
        wait_for("no chronyd", lambda: not self.chronyd(), 10)
        self.assertEqual(self.shown()["state"], "no time server set")

    def test_settings_that_cannot_be(self):
        for lines, says in ((["set time server x iburst on"], "no address"), (["set time server x address 10.78.1.2", "set time server x key 9"], "no time key"),
                            (["set time key 9 secret short"], "AES wants"), (["set time server x address 10.78.1.2", "set time server x nts on"], "must be one")):
            got = self.gh.operator(text="\n".join(lines + ["commit"]) + "\n")
            self.assertNotEqual(got.returncode, 0, lines)
            self.assertIn(says, got.stdout + got.stderr)

    def test_nts_that_proves_nothing_is_not_followed(self):
        self.dns.a("nts.outer.example", "10.78.1.2")
        self.gh.commit(*self.rows("proved", "address nts.outer.example", "nts on"))
        wait_for("the alarm", self.standing, 40, 0.5)
        self.assertEqual(self.sources()[0]["proof"], "nts")
        self.assertEqual(self.shown()["state"], "not synchronised")

    def test_nts(self):
        """RFC 8915: a server whose certificate an anchor of ours has made for its name is followed; with another name it is not."""
        cert = self.pki.make("good", "nts1.outer.example")
        self.server.stop()
        nts = self.time_server("nts", "ntsservercert " + cert.crt, "ntsserverkey " + cert.key)
        try:
            self.dns.a("nts1.outer.example", "10.78.1.2")
            self.dns.a("nts2.outer.example", "10.78.1.3")
            self.gh.commit("set trust system off", "set trust anchor test " + self.pki.ca, *self.rows("good", "address nts1.outer.example", "nts on"),
                           *self.rows("other", "address nts2.outer.example", "nts on"))
            self.wait_state("synchronised", 60)
            states = {s["server"]: (s["state"], s["proof"]) for s in self.sources()}
            self.assertEqual(states["good"], ("followed", "nts"))
            self.assertEqual(states.get("other", ("no answer", "nts")), ("no answer", "nts"))
        finally:
            nts.stop()
            type(self).server = self.time_server("ntp")
            self.gh.commit("delete trust anchor test", "delete trust system")

    # ---- by hand
    def test_the_clock_by_hand(self):
        """Here nobody may; what is not a time, and what the servers do, is refused before that."""
        got = self.gh.operator("time", "set", "tomorrow")
        self.assertIn("2026-11-26T17:00:00Z", got.stdout + got.stderr)
        before = time.time()
        got = self.gh.operator("time", "set", "2030-01-01T00:00Z")
        self.assertIn("may not set the clock", got.stdout + got.stderr)
        self.gh.commit(*self.rows("one", "address 10.78.1.2"))
        got = self.gh.operator("time", "set", "2030-01-01T00:00Z")
        self.assertIn("time servers are set", got.stdout + got.stderr)
        self.assertLess(abs(time.time() - before), 60)

    # ---- zone and name
    def test_time_zone(self):
        self.gh.commit("set time zone Asia/Tokyo")
        got = self.shown()
        self.assertEqual((got["zone"], got["local"][-6:]), ("Asia/Tokyo", "+09:00"))
        self.assertRegex(got["utc"], r"^\d{4}-\d\d-\d\dT.*Z$")
        refused = self.gh.operator(text="set time zone Asia/Atlantis\ncommit\n")
        self.assertIn("no time zone", refused.stdout + refused.stderr)
        self.gh.commit("delete time zone")
        self.assertEqual(self.shown()["local"][-6:], "+00:00")

    def test_host_name(self):
        outside = socket.gethostname()
        wait_for("the default", lambda: self.gh.host_name() == "gatehouse", 10)
        self.gh.commit("set system name gw-7.time.example")
        wait_for("the kernel's name", lambda: self.gh.host_name() == "gw-7.time.example", 10)
        for bad in ("Main office", "-gw", "gw_1"):
            got = self.gh.operator(text='set system name "%s"\ncommit\n' % bad)
            self.assertIn("RFC 1123", got.stdout + got.stderr)
        self.assertEqual(self.gh.host_name(), "gw-7.time.example")
        self.assertEqual(socket.gethostname(), outside)  # the machine's own stays
        self.gh.commit("delete system name")
        wait_for("the default", lambda: self.gh.host_name() == "gatehouse", 10)

    # ---- DNS
    def test_lookup_says_whom_it_asked(self):
        self.dns.a("www.outer.example", "192.0.2.7", "2001:db8::7")
        self.inner.a("www.inner.example", "192.0.2.8")
        self.inner.srv("inner.example", "www.inner.example", 5061, service="_sips")

        def look(kind, name):
            return [(r["value"], r["asked"], r["validated"]) for r in self.gh.records("dns", "lookup", kind, name)]
        self.assertEqual(look("a", "www.outer.example"), [("192.0.2.7", "dns server", "no")])
        self.assertEqual(look("aaaa", "www.outer.example"), [("2001:db8::7", "dns server", "no")])
        self.assertEqual(look("a", "www.inner.example"), [("192.0.2.8", "inner.example", "no")])
        self.assertEqual(look("srv", "_sips._tcp.inner.example"), [("www.inner.example 5061", "inner.example", "no")])
        self.assertIn("does not exist", self.gh.operator("dns", "lookup", "a", "none.outer.example").stderr)
        self.assertIn("_5269._tcp", self.gh.operator("dns", "lookup", "tlsa", "www.outer.example").stderr)
        self.assertIn("one of", self.gh.operator("dns", "lookup", "mx", "outer.example").stderr)
        # validated answers count where that is said, and TLSA only there
        self.inner.is_validated = True
        self.inner.tlsa("www.inner.example", 5269, 3, 1, 1, bytes(range(32)))
        self.gh.commit("set dns forward-zone inner.example validates on")
        self.assertEqual(look("a", "www.inner.example"), [("192.0.2.8", "inner.example", "yes")])
        self.assertEqual(look("tlsa", "_5269._tcp.www.inner.example")[0][0], "3 1 1 " + bytes(range(32)).hex())
        self.gh.commit("delete dns forward-zone inner.example validates")

    def test_flush(self):
        self.dns.a("moves.outer.example", "192.0.2.20")
        look = lambda: [r["value"] for r in self.gh.records("dns", "lookup", "a", "moves.outer.example")]  # noqa: E731
        self.assertEqual(look(), ["192.0.2.20"])
        self.dns.clear("moves.outer.example")
        self.dns.a("moves.outer.example", "192.0.2.21")
        self.assertEqual(look(), ["192.0.2.20"])
        self.gh.ghsh("dns flush other.example\n")
        self.assertEqual(look(), ["192.0.2.20"])
        self.gh.ghsh("dns flush outer.example\n")
        self.assertEqual(look(), ["192.0.2.21"])

    def test_the_second_server_of_a_zone_answers_for_the_first(self):
        """G-GAP test 13: S1 stops, lookups go on through S2; the zone's names are asked of nobody else."""
        self.inner.a("two.inner.example", "192.0.2.30")
        self.gh.commit("set dns forward-zone inner.example server 10.78.9.3:5353 10.78.9.2:5353")
        got = self.gh.records("dns", "lookup", "a", "two.inner.example")
        self.assertEqual([r["value"] for r in got], ["192.0.2.30"])
        self.assertEqual(self.dns.count("two.inner.example"), 0)
        self.gh.commit("set dns forward-zone inner.example server 10.78.9.2:5353")

    def test_a_zone_whose_servers_are_silent_is_an_alarm(self):
        def standing():
            return [r for r in self.gh.records("show", "alarms") if (r["alarm"], r["key"]) == ("DnsUnreachable", "quiet.example")]
        self.gh.commit("set dns forward-zone quiet.example server 10.78.9.3:5353")
        for i in range(6):
            self.gh.operator("dns", "lookup", "srv", "_x._tcp.n%d.quiet.example" % i)
        wait_for("the alarm", standing, 10)
        self.assertIn("forward zone", standing()[0]["text"])
        self.assertEqual([r["value"] for r in self.gh.records("dns", "lookup", "a", "localhost.outer.example", check=False)], [])  # others are answered
        self.gh.commit("delete dns forward-zone quiet.example")
        wait_for("no alarm", lambda: not standing(), 10)

    def test_zones_that_cannot_be(self):
        for value in ("ns.example", "10.1.1.1,10.1.1.2"):
            got = self.gh.operator(text='set dns forward-zone x.example server "%s"\ncommit\n' % value)
            self.assertIn("addresses with spaces between", got.stdout + got.stderr)
        got = self.gh.operator(text="set dns forward-zone . server 10.1.1.1\n")
        self.assertNotEqual(got.returncode, 0)
