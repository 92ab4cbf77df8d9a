"""Our lines at rsyslog, over UDP, TCP and TLS: their form, and none missing when it, or we, go away."""
import os
import re

from harness.case import PeerCase
from harness.place import wait_for
from harness.rsyslog import Rsyslog

FORM = re.compile(r"^<(1[23][0-9])>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [!-~]+ gh-[a-z0-9]+ \d+ [!-~]{1,32} \[gatehouse@32473( [^ =\]\"]{1,32}=\"([^\"\\\]]|\\.)*\")*\] .*$")


class Case(PeerCase):
    def marks(self, prefix, numbers):
        for i in numbers:
            self.gh.commit("set domain near.example contact mailto:%s%d@near.example" % (prefix, i))

    def state(self, name):
        return [r for r in self.gh.records("show", "syslog") if r["name"] == name][0]

    def reaches_gh_log(self, prefix):
        """What a program says between gh-log's death and its new pipe goes to standard error only."""
        self.marks(prefix, range(1))
        return [r for r in self.gh.records("show", "log", "event=audit.setting", check=False) if "%s0@" % prefix in r["text"]]

    def alarm(self, name):
        return [r for r in self.gh.records("show", "alarms") if r["alarm"] == "SyslogServerUnreachable" and r["key"] == name]

    def wait_all(self, server, prefix, numbers, seconds=30):
        def missing():
            text = "\n".join(server.lines())
            return [i for i in numbers if "mailto:%s%d@near.example" % (prefix, i) not in text]
        wait_for("all marks of %s are there, not %s" % (prefix, missing()), lambda: not missing(), seconds, 0.3)


class Streams(Case):
    @classmethod
    def build(cls):
        host = "logs.example"
        cls.cert = cls.pki.make("good", host)
        cls.addr = cls.place.addr()
        cls.dns.a(host, cls.addr)
        cls.tcp = Rsyslog(cls.place, "tcp", 10514, cls.addr).start()
        cls.udp = Rsyslog(cls.place, "udp", 10515, cls.addr).start()
        cls.tls = Rsyslog(cls.place, "tls", 16514, cls.addr, cls.cert, cls.pki.ca, peer="near.example").start()
        cls.gh = cls.gatehouse("near.example", settings=(
            "set log remote tcp server %s 10514" % cls.addr, "set log remote tcp transport tcp",
            "set log remote udp server %s 10515" % cls.addr, "set log remote udp transport udp",
            "set log remote tls server logs.example 16514", "set log remote tls certificate own",
            "set log remote tls authority test",
        ))
        cls.gh.start()
        for name in ("tcp", "udp", "tls"):
            wait_for(name + " is connected", lambda: [r for r in cls.gh.records("show", "syslog")
                                                      if r["name"] == name and r["state"] == "connected"], 20)

    def test_1_the_form_is_that_of_rfc_5424(self):
        self.marks("form", range(2))
        for server in (self.tcp, self.udp, self.tls):
            self.wait_all(server, "form", range(2))
            bad = [l for l in server.lines() if not FORM.match(l)]
            self.assertEqual(bad, [], server.name)
            got = server.has(r"audit\.setting .*form1@")[0]
            self.assertIn(' generation="', got)
            self.assertIn('setting="domain near.example contact"', got)

    def test_2_a_server_that_is_killed_misses_nothing(self):
        for server, name in ((self.tcp, "tcp"), (self.tls, "tls")):
            self.marks("before" + name, range(5))
            server.kill()
            self.marks("while" + name, range(5))
            wait_for("the alarm", lambda: self.alarm(name), 15)
            server.start()
            wait_for("it is connected", lambda: self.state(name)["state"] == "connected", 30, 0.3)
            self.marks("after" + name, range(3))
            for word, n in (("before", 5), ("while", 5), ("after", 3)):
                self.wait_all(server, word + name, range(n))
            self.assertFalse(self.alarm(name))
            self.assertEqual(int(self.state(name)["lost"]), 0)

    def test_3_the_spool_survives_gh_log_and_the_box(self):
        self.tcp.kill()
        self.marks("spooled", range(4))
        self.gh.kill("gh-log")
        wait_for("gh-conf's lines reach it again", lambda: self.reaches_gh_log("again"), 10)
        self.marks("second", range(4))
        wait_for("they wait", lambda: int(self.state("tcp")["waiting"]) >= 8, 10)
        self.gh.program.child.kill()  # the whole box
        self.gh.program.child.wait(5)
        self.gh.start(is_empty=True)
        self.tcp.start()
        self.wait_all(self.tcp, "spooled", range(4))
        self.wait_all(self.tcp, "second", range(4))
        wait_for("nothing waits", lambda: int(self.state("tcp")["waiting"]) < 3, 30, 0.5)

    def test_4_a_server_with_another_name_is_not_believed(self):
        try:
            self.gh.commit("set log remote tls name other.example")
            wait_for("it is refused", lambda: "not valid for this name" in self.state("tls")["trouble"], 15, 0.3)
            self.assertNotEqual(self.state("tls")["state"], "connected")
            self.marks("secret", range(1))
            self.assertFalse(self.tls.has("secret0@"))
        finally:
            self.gh.commit("delete log remote tls name")
        self.wait_all(self.tls, "secret", range(1))

    def test_5_a_row_that_goes_takes_its_spool_along(self):
        folder = os.path.join(self.gh.state, "log")
        self.assertTrue([f for f in os.listdir(folder) if f.startswith("spool-udp-")])
        self.gh.commit("delete log remote udp")
        wait_for("its files are gone", lambda: not [f for f in os.listdir(folder) if f.startswith("spool-udp-")], 5)
