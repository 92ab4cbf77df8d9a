"""`system role`: what runs on an edge and on a core, what they open, and that a box that comes back has all that it had."""
import os
import signal

from harness.fed import Fed
from harness.gatehouse import PROGRAMS
from harness.place import port_open, wait_for

EVERYWHERE = {"gh-conf", "gh-keys", "gh-switch", "gh-admin", "gh-capture", "gh-log", "gh-update", "gh-pki", "gh-link", "gh-xlate"}
EDGE = EVERYWHERE | {"gh-turn", "gh-proxy", "gh-s2s", "gh-sip"}
CORE = EVERYWHERE | {"gh-access", "gh-im", "gh-store", "gh-line"}


class Role(Fed):
    """One box with everything set: federation, SIP, clients of both kinds, a relay, a front."""

    @classmethod
    def build(cls):
        a = cls.place.addr()
        cls.front, cls.relay, cls.web = (a, 8443), (a, 3478), (a, 9443)
        cls.gh = cls.gatehouse("near.example", sip_peers={}, line=True, settings=(
            "set proxy listen v4 %s %d" % cls.front, "set turn listen-tcp v4 %s %d" % cls.relay, "set turn listen-udp v4 %s %d" % cls.relay,
            "set turn relay-address v4 " + a, "set turn realm near.example", "set turn fast-path off", "set acme listen v4 %s 8080" % a,
            "set web listen v4 %s %d" % cls.web, "set web certificate own")).publish()
        cls.gh.user("juliet")
        cls.gh.user("nurse")
        cls.gh.start()
        cls.doors = {cls.front: "edge", cls.relay: "edge", (a, 8080): "edge", cls.web: "edge core", (cls.gh.addr, 5222): "core",
                     (cls.gh.addr, 5223): "core", (cls.gh.addr, 5070): "core", (cls.gh.addr, 5269): "edge", (cls.gh.addr, 5061): "edge"}

    def settings(self):
        return {r["setting"]: r["value"] for r in self.gh.records("show", "settings") if r["setting"] != "system role"}

    def become(self, role, programs):
        got = self.gh.operator(text="set system role %s\ncheck\ncommit\n" % role)
        self.assertEqual(got.returncode, 0, got.stderr)
        wait_for("%s runs as it should, not %s" % (role, self.gh.running() ^ programs), lambda: self.gh.running() == programs, 15)
        wait_for("commands are answered", lambda: self.gh.operator("show", "counters").returncode == 0, 10)
        self.assertEqual(self.gh.records("show", "version")[0]["role"], role)
        return got.stderr

    def expect_doors(self, role):
        for door, roles in self.doors.items():
            is_open = role in roles.split() + ["combined"]
            wait_for("%s:%d is %s" % (*door, "open" if is_open else "shut"), lambda d=door, o=is_open: port_open(*d) == o, 10)
        shown = {(r["address"], int(r["port"])) for r in self.gh.records("show", "listeners")}
        for (addr, port), roles in self.doors.items():
            is_open = role in roles.split() + ["combined"]
            self.assertEqual((addr, port) in shown, is_open, (addr, port))

    def chats(self):
        a, b = self.present(self.login(self.gh, "juliet")), self.present(self.login(self.gh, "nurse"))
        self.chat(a, b, "still here")
        a.close()
        b.close()

    def test_there_and_back(self):
        before, all_programs = self.settings(), set(PROGRAMS)
        self.chats()
        self.expect_doors("combined")
        combined_kib = self.gh.memory_kib()
        kept = self.gh.pid("gh-conf"), self.gh.pid("gh-admin"), self.gh.pid("gh-turn")

        said = self.become("edge", EDGE)
        self.assertIn("note: system role: ", said)
        self.assertIn("stay shut: a box of the role edge does not listen for those", said)
        self.expect_doors("edge")
        self.assertEqual(self.settings(), before)
        self.assertEqual((self.gh.pid("gh-conf"), self.gh.pid("gh-admin"), self.gh.pid("gh-turn")), kept)
        edge_kib = self.gh.memory_kib()
        self.assertLess(edge_kib, combined_kib, "%d of %d KiB" % (edge_kib, combined_kib))
        print("memory: combined %d KiB, edge %d KiB" % (combined_kib, edge_kib))
        got = self.gh.operator("user", "add", "romeo@near.example", "secret")
        self.assertEqual(got.returncode, 1)
        self.assertIn("is not for a box of this role (system role)", got.stderr)

        records = self.gh.records("discovery", "check", "near.example", check=False)
        self.assertEqual({r["detail"].split(".")[0] for r in records if r["step"] == "record"},
                         {"_xmpps-client", "_stun", "_turn", "_xmpp-server", "_xmpps-server", "_sip", "_sips"})

        self.become("core", CORE)
        self.expect_doors("core")
        self.chats()
        self.assertEqual(self.settings(), before)

        self.become("combined", all_programs)
        self.expect_doors("combined")
        self.assertEqual(self.settings(), before)
        self.chats()

    def test_a_restart_keeps_the_role(self):
        """An edge that starts never starts what an edge has not, not even for a moment."""
        self.become("edge", EDGE)
        try:
            self.gh.stop()
            at = len(self.gh.log())
            self.gh.start(is_empty=True)
            wait_for("the edge runs", lambda: self.gh.running() == EDGE, 15)
            started = {w.split("=")[1] for l in self.gh.log()[at:].splitlines() if "super.started" in l for w in l.split()
                       if w.startswith("program=")}
            self.assertEqual(started, EDGE)
            os.kill(self.gh.pid("gh-conf"), signal.SIGKILL)  # whoever tells the role
            wait_for("gh-conf is back", lambda: self.gh.operator("show", "version").returncode == 0, 10)
            self.assertEqual(self.gh.running(), EDGE)
            self.expect_doors("edge")
            save = self.gh.operator("backup", "save", "seven quiet windows 4", cwd=self.place.folder)
            self.assertEqual(save.returncode, 0, save.stderr)
        finally:
            self.become("combined", set(PROGRAMS))
        self.expect_doors("combined")
        self.chats()

    def test_a_core_refuses_strangers(self):
        got = self.gh.operator(text="set system role core\nset interface a plane dmz\ncheck\n")
        self.assertEqual(got.returncode, 1)
        self.assertIn("interface a plane: a core has no interface for strangers", got.stderr)
