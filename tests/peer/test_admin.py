"""The administrator's side: ghsh as a person or a script runs it, against a running box."""
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from harness import raw
from harness.case import PeerCase
from harness.client import SlixClient
from harness.console import Console, PROMPT
from harness.place import BIN, TOP, Failed, port_open, wait_for


class Admin(PeerCase):
    """One box with one partner's row."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("near.example", peers={"far.example": {"action": "allow"}}).start()

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.gh.records("show", "version")[0]["confirm_left_s"], "0")

    # ---- what an operator does and sees
    def good(self, *words, text=None):
        got = self.gh.operator(*words, text=text)
        self.assertEqual(got.returncode, 0, "%s %s\n%s%s" % (words, text, got.stdout, got.stderr))
        return got.stdout

    def bad(self, wanted, *words, text=None):
        """Refused, with this in the error."""
        got = self.gh.operator(*words, text=text)
        self.assertEqual(got.returncode, 1, "%s %s\n%s%s" % (words, text, got.stdout, got.stderr))
        self.assertIn("error: ", got.stderr)
        self.assertIn(wanted, got.stderr)
        return got

    def value(self, path):
        """What runs; None where it is not set."""
        for r in self.gh.records("show", "settings", *path.split()):
            if r["setting"] == path:
                return r["value"]
        return None

    def generation(self):
        return int(self.gh.records("show", "version")[0]["generation"])

    def console(self, *options):
        c = Console(self.gh, *options)
        self.addCleanup(c.close)
        return c


class Settings(Admin):
    """Transactions."""

    def test_set_diff_check_commit(self):
        before = self.generation()
        out = self.good(text="set system name gate1\nset access rate 5000\ndiff\ncheck\ncommit\n")
        self.assertRegex(out, r"set +system name +gate1")
        self.assertIn("the candidate is sound", out)
        self.assertIn("generation %d runs" % (before + 1), out)
        self.assertEqual(self.value("system name"), "gate1")
        out = self.good(text="set access rate 6000\ndelete system name\ndiff\ncommit\ndiff\n")
        self.assertRegex(out, r"change +access rate +5000 +6000")
        self.assertRegex(out, r"delete +system name +gate1")
        self.assertIsNone(self.value("system name"))
        self.assertEqual(self.gh.records("show", "version")[0]["name"], "gatehouse")  # the default again
        self.good(text="delete access\nset access listen v4 %s 5222\nset access listen-tls v4 %s 5223\ncommit\n"
                  % (self.gh.addr, self.gh.addr))
        self.assertIsNone(self.value("access rate"))

    def test_line_option_and_comments(self):
        self.assertIn("gh-conf", self.good("-c", "show processes"))
        self.assertEqual(self.good(text="# only a comment\n\n"), "")

    def test_one_shot_set_says_that_it_is_lost(self):
        got = self.gh.operator("set", "system", "name", "lost")
        self.assertEqual(got.returncode, 0)
        self.assertIn("not committed, and forgotten now: 1 change", got.stderr)
        self.assertIsNone(self.value("system name"))
        got = self.gh.operator(text="set system name x\ndiscard\n")
        self.assertEqual(got.stderr, "")

    def test_nothing_to_commit(self):
        before = self.generation()
        self.assertIn("nothing to commit", self.good(text="set federation mode allow-list\ncommit\n"))
        self.assertEqual(self.generation(), before)

    def test_refused_lines(self):
        before = self.generation()
        for line, wanted in (
                ("set access rate many", "access rate: 0..10000000"),
                ("set access rate 10000001", "access rate: 0..10000000"),
                ("set federation mode closed", "federation mode: off|allow-list|open"),
                ("set federation bidi perhaps", "federation bidi: on or off"),
                ("set federation peer a..b action allow", "not a domain"),
                ("set federation peer a.example pin 00", "64 hex digits"),
                ("set federation listen x nowhere", "address and port, or off"),
                ("set federation peer a.example host", "a value is missing"),
                ("set dns server 1 ns.example", "a numeric address"),
                ("set certificate Own chain x", "letters a-z"),
                ("set trust anchor t /nowhere/ca.pem", "/nowhere/ca.pem: cannot be read"),
                ("set trust anchor t /etc/hostname", "certificates in PEM"),
                ("set nonsense 1", "no such setting"),
                ("set", "missing: <setting>..."),
                ("delete federation peer none.example", "not set"),
                ("describe nonsense", "no such setting"),
                ("frobnicate", "no such command: frobnicate (try help)"),
                ("show nothing", "not expected here: nothing"),
                ("show version now", "nothing can follow here: now"),
                ("show federation a..b", "a..b: not a domain"),
                ("show counters gh-nothing", "not a program"),
                ("trace domain near.example 0", "1 to 3600 seconds"),
                ("commit confirm 0", "1 to 1440 minutes"),
                ("commit confirm soon", "not a number"),
                ("confirm", "nothing waits for a confirmation"),
                ("revert", "nothing waits for a confirmation"),
                ("rollback 4000", "no such generation; see history"),
                ("load /nowhere/settings", "/nowhere/settings: cannot be read"),
                ("session close ghost@near.example/x", "no such session"),
                ("federation check near.example", "give the domain of a partner"),
                ("user add nobody secret", "a user has an address like name@domain"),
                ("user add x@elsewhere.example secret", "does not live here: set domain DOMAIN certificate NAME"),
                ("user delete ghost@near.example", "there is no such account"),
                ("set system name \"half", "a quote does not end")):
            with self.subTest(line=line):
                self.bad(wanted, text=line + "\n")
        self.assertEqual(self.generation(), before)

    def test_check_looks_across_settings(self):
        before, addr = self.generation(), self.gh.addr
        for lines, wanted in (
                (["set federation backoff-min 100"], "federation backoff-min: longer than federation backoff-max"),
                (["set dns query-timeout 9000", "set dns budget 2000"], "dns query-timeout: longer than dns budget"),
                (["set access listen two %s 5222" % addr], "the same address and port as access listen two"),
                (["set federation peer far.example authority nobody"], "there is no trust anchor nobody"),
                (["set federation peer *.far.example host x.example"], "a host cannot stand for many domains"),
                (["set domain more.example certificate none"], "there is no certificate none"),
                (["set domain more.example contact mailto:a@b.example"], "has no certificate, so it is not hosted"),
                (["set domain more.example certificate own"], "certificate own does not cover the name more.example")):
            for verb in ("check", "commit"):
                with self.subTest(lines=lines, verb=verb):
                    self.bad(wanted, text="\n".join(lines + [verb]) + "\n")
        self.assertEqual(self.generation(), before)

    def test_warnings_do_not_stop(self):
        got = self.gh.operator(text="set federation mode open\nset federation peer far.example host-direct-tls on\ncheck\n")
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertIn("note: federation mode: every domain that has no denying row may federate", got.stderr)
        self.assertIn("has no effect without the peer's host", got.stderr)

    def test_a_port_that_does_not_open_refuses_the_commit(self):
        before = self.generation()
        with socket.create_server((self.gh.addr, 6222)):
            got = self.bad("another program has it", text="set system name x\nset access listen two %s 6222\ncommit\n" % self.gh.addr)
        self.assertIn("access listen two", got.stderr)
        self.bad("not an address of this box", text="set access listen two 203.0.113.9 6222\ncommit\n")
        self.assertEqual(self.generation(), before)
        self.assertIsNone(self.value("system name"))
        self.login_possible()

    def login_possible(self):
        wait_for("the door is open", lambda: port_open(self.gh.addr, 5222), 5)

    def test_ports_open_and_close_live(self):
        pids = self.gh.pids()
        self.good(text="set access listen two %s 6223\ncommit\n" % self.gh.addr)
        wait_for("a second door", lambda: port_open(self.gh.addr, 6223), 5)
        self.good(text="delete access listen two\ncommit\n")
        wait_for("no second door", lambda: not port_open(self.gh.addr, 6223), 5)
        self.assertEqual(self.gh.pids(), pids)  # nothing was restarted

    def test_workers_come_and_go_live(self):
        before = self.gh.pids()
        self.good(text="set access workers 2\ncommit\n")
        wait_for("a second worker", lambda: "gh-access/1" in self.gh.pids(), 5)
        self.good(text="delete access workers\ncommit\n")
        wait_for("one worker", lambda: self.gh.pids() == before, 8)

    def test_script_stops_at_the_first_error(self):
        got = self.bad("stopped at line 2", text="set access rate 1\nset access rate x\ncommit\n")
        self.assertNotIn("runs", got.stdout)
        self.assertIsNone(self.value("access rate"))

    def test_exit_codes_of_wrong_use(self):
        got = self.gh.operator("--help")
        self.assertEqual(got.returncode, 0)
        self.assertIn("Exit codes", got.stdout)
        self.assertEqual(self.gh.operator("--nonsense").returncode, 2)
        self.assertEqual(self.gh.operator("--role", "king", "help").returncode, 2)
        got = subprocess.run([os.path.join(BIN, "ghsh"), "--socket", "/nowhere/ghsh.sock", "help"],
                             stderr=subprocess.PIPE, text=True)
        self.assertEqual(got.returncode, 3)
        self.assertIn("/nowhere/ghsh.sock", got.stderr)

    def test_history_and_rollback(self):
        first = self.generation()
        self.good(text="set im resume 100\ncommit\n")
        self.good(text="set im resume 200\ncommit\n")
        out = self.good(text="rollback %d\ndiff\ncommit\n" % (first + 1))
        self.assertRegex(out, r"change +im resume +200 +100")
        self.assertEqual(self.value("im resume"), "100")
        history = self.gh.records("history")
        self.assertEqual([int(r["generation"]) for r in history][:4], [first + 3, first + 2, first + 1, first])
        self.assertEqual({r["by"] for r in history}, {"root" if os.getuid() == 0 else "uid %d" % os.getuid()})
        self.good(text="rollback %d\ncommit\n" % first)
        self.assertIsNone(self.value("im resume"))

    def test_save_load_merge(self):
        path = self.place.path("saved.conf")
        saved = self.good("save")
        with open(path, "w") as f:
            f.write(saved)
        self.good(text="set system name \"with \\\"quotes\\\" and # more\"\nset im resume 5\ncommit\n")
        again = self.good("save")
        self.assertNotEqual(again, saved)
        out = self.good(text="load %s\ndiff\ncommit\n" % path)
        self.assertRegex(out, r"delete +im resume")
        self.assertEqual(self.good("save"), saved)
        with open(path, "w") as f:
            f.write(again)
        self.good(text="load %s\ncommit\n" % path)
        self.assertEqual(self.value("system name"), 'with "quotes" and # more')
        self.assertEqual(self.good("save"), again)
        self.good(text="delete system name\ndelete im resume\ncommit\n")
        with open(path, "w") as f:
            f.write("set im resume 7\n")
        self.assertRegex(self.good(text="merge %s\ndiff\n" % path), r"set +im resume +7\n$")
        with open(path, "w") as f:
            f.write("set im resume 7\nset im resume many\n")
        for verb in ("load", "merge"):
            c = self.console()
            c.say("set system name kept")
            self.assertIn("line 2: im resume: 0..86400", c.say("%s %s" % (verb, path)))
            self.assertRegex(c.say("diff"), r"set +system name +kept")  # the candidate is as it was

    def test_a_hundred_thousand_partners(self):
        """As docs/admin/operation.md says; what is saved can be loaded again."""
        before = self.good("save")
        rows = ["set federation peer p%06d.example action deny\n" % i for i in range(150000)]
        path = self.place.write("many.conf", "".join(rows[:100000]))
        self.good(text="merge %s\ncommit\n" % path)
        path = self.place.write("all.conf", self.good("save"))
        self.assertGreater(os.path.getsize(path), 4 << 20)
        self.assertEqual(self.good(text="load %s\ndiff\n" % path), "")
        self.assertIn("denied", self.good("show", "federation", "p099999.example"))
        self.bad("too much", text="merge %s\n" % self.place.write("more.conf", "".join(rows)))
        path = self.place.write("before.conf", before)
        self.good(text="load %s\ncommit\n" % path)
        self.assertEqual(self.good("save"), before)

    def test_json_of_every_command_that_shows(self):
        self.gh.user("juliet")
        j = self.login(self.gh, "juliet")
        rows = [r["command"] for r in self.gh.records("help")]
        shows = [re.sub(r" \[[^]]*\](\.\.\.)?", "", r) for r in rows if r.startswith("show ") and "<" not in r]
        self.assertGreaterEqual(len(shows), 11)
        for words, program in (("show interfaces", "gh-priv"), ("show time", "gh-time"), ("show time sources", "gh-time"),
                               ("show dns", "gh-dns"), ("show uploads", "gh-files"), ("show publish", "gh-publish"), ("show directory", "gh-dir"), ("show directory sync", "gh-dir"),
                               ("show compliance", "gh-comply"), ("show upload scan", "gh-scan")):
            shows.remove(words)  # of a machine that is ours, which this one is not, or of a program that is off
            self.assertIn(program, self.gh.operator(*words.split()).stderr)
        asked = {"show operator <name>": "show operator nurse", "show user <jid>": "show user juliet@near.example",
                 "show presence <jid>": "show presence juliet@near.example"}  # each that needs a word gets one
        self.assertEqual({r for r in rows if r.startswith("show ") and "<" in r}, set(asked))
        self.good("operator", "add", "nurse", "auditor", "correct horse battery 9")
        full = {"show settings", "show processes", "show counters", "show version", "show routes", "show clients",
                "show sessions", "show users", "show keys"}
        for command in shows + list(asked.values()) + [
                                "history", "diff", "check", "save", "certificate show", "describe log",
                                "show federation far.example", "show sessions juliet@near.example", "show clients " + j.jid, "show users near.example",
                                "show counters gh-im", "show settings federation peer", "show candidate dns"]:
            with self.subTest(command=command):
                got = json.loads(self.good("--json", *command.split()))
                self.assertIsInstance(got, list)
                for record in got:
                    self.assertTrue(all(isinstance(v, str) for v in record.values()), record)
                if command in full:
                    self.assertGreater(len(got), 0)
        self.assertEqual(self.gh.records("show", "sessions", "juliet@near.example")[0]["session"], j.jid)
        self.assertEqual(self.gh.records("show", "clients", "ghost@near.example"), [])
        programs = {r["program"] for r in self.gh.records("show", "counters")}
        self.assertIn("gh-access", programs)
        self.assertEqual(json.loads(self.gh.operator("--json", "show", "federation", "a..b").stdout or "[]"), [])

    def test_describe_and_help(self):
        got = self.gh.records("describe", "federation", "peer", "far.example", "auth")
        self.assertEqual(len(got), 1)
        self.assertEqual(got[0]["range"], "certificate|dialback-allowed|dialback-only")
        self.assertEqual(got[0]["default"], "certificate")
        auditor = {r["command"] for r in json.loads(self.good("--json", "--role", "auditor", "help"))}
        everything = {r["command"] for r in self.gh.records("help")}
        self.assertLess(auditor, everything)
        self.assertNotIn("commit", auditor)

    def test_roles(self):
        for role, line in (("auditor", "set system name x"), ("auditor", "federation retry"), ("auditor", "save"),
                           ("auditor", "commit"), ("operator", "user delete a@near.example"),
                           ("operator", "certificate generate k ed25519")):
            with self.subTest(role=role, line=line):
                got = self.bad("your role may not do this", "--role", role, *line.split())
                self.assertEqual(got.stdout, "")
        self.good("--role", "auditor", "show", "settings")
        self.good("--role", "operator", "federation", "retry")
        denied = [l for l in self.gh.log().splitlines() if "audit.denied" in l]
        self.assertTrue(any("set <setting>" in l and "what=system" in l for l in denied), denied)

    def test_audit(self):
        self.good(text="set im offline off\ncommit\n")
        self.good(text="delete im offline\ncommit\n")
        lines = [l for l in self.gh.log().splitlines() if "audit.setting" in l and '"im offline"' in l]
        self.assertIn('change=set before="" after=off', lines[0])
        self.assertIn('change=delete before=off after=""', lines[1])


class Consoles(Admin):
    """Interactive, and more than one operator."""

    def test_completion(self):
        c = self.console()
        c.type("set federation mo\t")
        c.wait(r"mode $")
        c.type("?")
        out = c.wait(r"open  .*\n")
        self.assertIn("allow-list", out)
        c.type("al\t")
        c.wait(r"allow-list $")
        self.assertNotIn("error", c.say(""))
        c.type("federation check fa\t")  # keys that exist
        c.wait(r"far\.example $")
        c.type("\x15sho\t")
        c.wait(r"show $")
        c.type("ver\t")
        c.wait(r"version $")
        self.assertRegex(c.say(""), r"0\.\d")

    def test_prompt_counts_changes(self):
        c = self.console()
        self.assertIn("(1)#", c.say("set system name x"))
        self.assertIn("(2)#", c.say("set im resume 1"))
        self.assertRegex(c.say("discard"), PROMPT)

    def test_two_operators_merge(self):
        a, b = self.console(), self.console()
        a.say("set im resume 111")
        b.say("set im roster-max 222")
        self.assertIn("runs", a.say("commit"))
        out = b.say("diff")  # what its commit would change, and nothing of the other's
        self.assertRegex(out, r"set +im roster-max")
        self.assertNotIn("im resume", out)
        self.assertIn("runs", b.say("commit"))
        self.assertEqual((self.value("im resume"), self.value("im roster-max")), ("111", "222"))
        a.say("delete im resume")
        b.say("delete im roster-max")
        self.assertIn("runs", b.say("commit"))
        self.assertIn("runs", a.say("commit"))
        self.assertIsNone(self.value("im resume"))
        self.assertIsNone(self.value("im roster-max"))

    def test_two_operators_conflict(self):
        a, b = self.console(), self.console()
        a.say("set access ping 11")
        b.say("set access ping 22")
        b.say("set im resume 33")
        self.assertIn("runs", a.say("commit"))
        self.assertIn("note: access ping: somebody else has changed it since", b.say("diff"))
        self.assertIn("error: access ping: somebody else has changed it since", b.say("check"))
        out = b.say("commit")
        self.assertIn("error: access ping: somebody else has changed it since", out)
        self.assertEqual(self.value("access ping"), "11")
        self.assertIsNone(self.value("im resume"))
        self.assertIn("somebody else", b.say("commit"))  # asking twice is no decision
        b.say("set access ping 22")                      # saying it again is
        self.assertIn("runs", b.say("commit"))
        self.assertEqual((self.value("access ping"), self.value("im resume")), ("22", "33"))
        a.say("set access ping 44")
        b.say("set access ping 55")
        self.assertIn("runs", b.say("commit"))
        self.assertIn("somebody else", a.say("commit"))
        a.say("discard")
        self.assertIn("nothing to commit", a.say("commit"))
        self.assertEqual(self.value("access ping"), "55")
        b.say("delete access ping")
        b.say("delete im resume")
        self.assertIn("runs", b.say("commit"))

    def test_load_rollback_and_delete_are_about_what_runs_now(self):
        a, b, c = self.console(), self.console(), self.console()
        saved = self.place.write("now.conf", self.good("save"))
        first = self.generation()
        for x in (a, b, c):
            x.say("set access rate 9")  # they begin here
        self.good(text="set im resume 33\nset federation peer new.example action allow\ncommit\n")
        self.assertNotIn("error", a.say("delete federation peer new.example"))
        a.say("delete access rate")
        self.assertIn("runs", a.say("commit"))
        self.assertEqual((self.value("federation peer new.example action"), self.value("im resume")), (None, "33"))
        b.say("load " + saved)
        self.assertRegex(b.say("diff"), r"delete +im resume +33")
        self.assertIn("runs", b.say("commit"))
        self.assertIsNone(self.value("im resume"))
        self.good(text="set im resume 34\ncommit\n")
        c.say("rollback %d" % first)
        self.assertIn("runs", c.say("commit"))
        self.assertEqual(self.good("save"), open(saved).read())

    def test_the_same_change_by_two_is_no_conflict(self):
        a, b = self.console(), self.console()
        for c in (a, b):
            c.say("set access ping 44")
            self.assertNotIn("error", c.say("commit"))
        self.assertIn("runs", (b.say("delete access ping"), b.say("commit"))[1])

    def test_more_operators_than_places_are_turned_away(self):
        held = []
        for _ in range(64):
            s = socket.socket(socket.AF_UNIX)
            self.addCleanup(s.close)
            s.connect(self.gh.socket)
            held.append(s)
        wait_for("all places taken", lambda: self.gh.operator("help").returncode == 3, 5)
        for s in held[:32]:
            s.close()
        wait_for("room again", lambda: self.gh.operator("help").returncode == 0, 5)

    def test_password_is_asked_twice_and_not_shown(self):
        c = self.console()
        c.type("user add paul@near.example\n")
        c.wait("Password: ")
        c.type("hidden-pass-1\n")
        c.wait("Once more: ")
        c.type("another\n")
        self.assertIn("the two were not the same", c.wait(PROMPT))
        c.type("user add paul@near.example\n")
        c.wait("Password: ")
        c.type("hidden-pass-1\n")
        c.wait("Once more: ")
        c.type("hidden-pass-1\n")
        out = c.wait(PROMPT)
        self.assertNotIn("error", out)
        self.assertNotIn("hidden", out)
        self.gh.users["paul"] = "hidden-pass-1"
        self.login(self.gh, "paul")
        c.say("show version")
        self.assertNotIn("error", c.say("user passwd paul@near.example hidden-pass-2"))
        c.type("\x10")  # the line before: one with a password is not kept
        self.assertNotIn("hidden", c.wait("show version$"))


class Confirm(Admin):
    """commit confirm."""

    def test_confirmed(self):
        self.assertIn("goes back in", self.good(text="set im resume 300\ncommit confirm 5\n"))
        self.assertGreater(int(self.gh.records("show", "version")[0]["confirm_left_s"]), 280)
        self.bad("a commit waits for its confirmation", text="set im resume 301\ncommit\n")
        self.assertIn("kept", self.good("confirm"))
        self.assertEqual(self.value("im resume"), "300")
        self.good(text="delete im resume\ncommit\n")

    def test_reverted_at_once(self):
        before = self.good("save")
        self.good(text="set im resume 301\nset access listen two %s 6222\ncommit confirm 5\n" % self.gh.addr)
        wait_for("the port", lambda: port_open(self.gh.addr, 6222), 5)
        self.assertIn("runs", self.good("revert"))
        self.assertEqual(self.good("save"), before)
        wait_for("no port", lambda: not port_open(self.gh.addr, 6222), 5)
        self.assertIn("reverted", self.gh.records("history")[0]["note"])

    def test_revert_keeps_what_was_set_since(self):
        c = self.console()
        c.say("set im resume 301")
        c.say("commit confirm 5")
        c.say("set im roster-max 302")
        self.assertIn("runs", c.say("revert"))
        self.assertRegex(c.say("diff"), r"set +im roster-max +302")
        self.assertIn("runs", c.say("commit"))
        self.assertEqual((self.value("im resume"), self.value("im roster-max")), (None, "302"))
        self.assertIn("runs", (c.say("delete im roster-max"), c.say("commit"))[1])

    def test_goes_back_by_itself_also_after_a_crash(self):
        """The clock of a minute is too long for a test: the deadline on disk is brought nearer, while
        gh-conf is down, and must count when it is back."""
        before, old = self.good("save"), self.generation()
        self.good(text="set im resume 302\nset access listen two %s 6222\ncommit confirm 1\n" % self.gh.addr)
        pending = os.path.join(self.gh.state, "conf", "pending")
        with open(pending) as f:
            back_to, at_ms = f.read().split()
        self.assertEqual(int(back_to), old)
        self.assertLess(abs(int(at_ms) / 1000 - time.time() - 60), 10)
        with open(pending, "w") as f:
            f.write("%d %d\n" % (old, time.time() * 1000 + 2500))
        self.gh.kill("gh-conf")
        wait_for("gh-conf answers", lambda: self.gh.operator("help").returncode == 0, 10)
        self.assertEqual(self.value("im resume"), "302")
        wait_for("the old settings", lambda: self.value("im resume") is None, 10)
        self.assertEqual(self.good("save"), before)
        wait_for("no port", lambda: not port_open(self.gh.addr, 6222), 5)
        self.assertFalse(os.path.exists(pending))
        last = self.gh.records("history")[0]
        self.assertEqual((last["by"], last["note"]), ("gh-conf", "back to %d: not confirmed" % old))

    def test_settings_survive_a_crash(self):
        self.good(text="set im resume 303\ncommit\n")
        self.gh.kill("gh-conf")
        wait_for("gh-conf answers", lambda: self.gh.operator("help").returncode == 0, 10)
        self.assertEqual(self.value("im resume"), "303")
        self.good(text="delete im resume\ncommit\n")


def verifier(password, hash_name="sha256", rounds=4096):
    """SCRAM-SHA-256$ROUNDS:SALT$STORED:SERVER (RFC 5803)."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, rounds)
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    b64 = [base64.b64encode(x).decode() for x in
           (salt, hashlib.new(hash_name, client_key).digest(), hmac.digest(salted, b"Server Key", hash_name))]
    return "SCRAM-%s$%d:%s$%s:%s" % ({"sha256": "SHA-256", "sha1": "SHA-1"}[hash_name], rounds, *b64)


class People(Admin):
    """Accounts: what ghsh does counts at the next login, and no secret comes out again."""

    def may_login(self, user, password, mechanism="SCRAM-SHA-256"):
        try:
            s = raw.login(self.gh.addr, user, "near.example", password, mechanism=mechanism, ca=self.pki.ca)
        except raw.SaslFailed as e:
            self.assertEqual(e.condition, "not-authorized")
            return False
        self.streams.append(s)
        return True

    def test_add_passwd_delete(self):
        self.assertFalse(self.may_login("anna", "first-secret"))
        self.good("user", "add", "anna@near.example", "first-secret")
        self.assertTrue(self.may_login("anna", "first-secret"))
        self.bad("there is such an account already", "user", "add", "anna@near.example", "x")
        self.gh.users["anna"] = "first-secret"
        slix = SlixClient(self.gh, "anna", ca=self.pki.ca)
        self.addCleanup(slix.close)
        self.good("user", "passwd", "anna@near.example", text="second-secret\n")  # from a file or a pipe
        self.assertFalse(self.may_login("anna", "first-secret"))
        self.assertTrue(self.may_login("anna", "second-secret", "PLAIN"))
        self.assertIn("anna@near.example", [r["user"] for r in self.gh.records("show", "users", "near.example")])
        self.assertEqual(self.gh.records("show", "users", "other.example"), [])
        self.good("user", "delete", "anna@near.example")
        with self.assertRaises(raw.Closed):
            for s in self.streams:
                s.wait(lambda e: False, 5)
        wait_for("no session", lambda: not self.gh.records("show", "sessions"), 5)
        self.assertFalse(self.may_login("anna", "second-secret"))
        self.assertEqual(self.gh.records("show", "users", "near.example"), [])
        self.bad("there is no such account", "user", "passwd", "anna@near.example", "x")

    def test_import(self):
        both = [verifier("imported", "sha256"), verifier("imported", "sha1")]
        self.good("user", "import", "bert@near.example", *both)
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"):
            self.assertTrue(self.may_login("bert", "imported", mechanism))
            self.assertFalse(self.may_login("bert", "wrong", mechanism))
        self.bad("there is such an account already", "user", "import", "bert@near.example", both[0])
        for wrong in ("imported", "SCRAM-SHA-256$4096:AA==$AA==:AA==", "SCRAM-MD5" + both[0][13:], both[0][:-8],
                      both[0].replace("4096", "0")):
            self.bad("a verifier is SCRAM-SHA-256$ROUNDS:SALT$STORED:SERVER", "user", "import", "c@near.example", wrong)
        self.good("user", "delete", "bert@near.example")

    def sha256(self, name):
        return {r["user"]: r["scram-sha-256"] for r in self.gh.records("show", "users", "near.example")}[name + "@near.example"]

    def test_import_of_sha1_alone(self):
        for name in ("finn", "gina"):
            self.good("user", "import", name + "@near.example", verifier("imported", "sha1"))
        self.assertFalse(self.may_login("finn", "imported", "SCRAM-SHA-256"))
        self.assertTrue(self.may_login("finn", "imported", "SCRAM-SHA-1"))
        self.assertEqual(self.sha256("finn"), "no")
        self.gh.commit("set im scram-sha-256 off")
        try:
            slix = SlixClient(self.gh, "finn", password="imported", ca=self.pki.ca)  # takes the strongest that is offered
            self.addCleanup(slix.close)
        finally:
            self.gh.commit("delete im scram-sha-256")
        self.assertFalse(self.may_login("finn", "wrong", "PLAIN"))
        self.assertEqual(self.sha256("finn"), "no")
        self.assertTrue(self.may_login("finn", "imported", "PLAIN"))
        self.assertTrue(self.may_login("finn", "imported", "SCRAM-SHA-256"))
        self.assertEqual(self.sha256("finn"), "yes")
        # With an application password, which was made of SHA-1, all stays as it is.
        made = self.gh.records("user", "app-password", "add", "gina@near.example", "phone")[0]["password"]
        self.assertTrue(self.may_login("gina", "imported", "PLAIN"))
        self.assertEqual(self.sha256("gina"), "no")
        self.assertTrue(self.may_login("gina", made, "PLAIN"))
        for name in ("finn", "gina"):
            self.good("user", "delete", name + "@near.example")

    def test_session_close(self):
        self.good("user", "add", "carl@near.example", "secret")
        self.gh.users["carl"] = "secret"
        s = self.login(self.gh, "carl")
        self.good("session", "close", s.jid)
        with self.assertRaises(raw.Closed):
            s.wait(lambda e: False, 5)
        self.good("user", "delete", "carl@near.example")

    def test_many_accounts_are_all_listed(self):
        v = verifier("x")
        names = ["m%04d@near.example" % i for i in range(1050)]
        self.good(text="".join("user import %s \"%s\"\n" % (n, v) for n in names))
        self.assertEqual([r["user"] for r in self.gh.records("show", "users", "near.example")], names)
        self.good(text="".join("user delete %s\n" % n for n in names))

    def test_no_secret_comes_out(self):
        secrets = ["s3cret-add", "s3cret-passwd", verifier("s3cret-import")]
        self.good("user", "add", "dora@near.example", secrets[0])
        self.good("user", "passwd", "dora@near.example", secrets[1])
        self.good("user", "import", "emil@near.example", secrets[2])
        self.assertFalse(self.may_login("dora", secrets[0]))
        self.assertTrue(self.may_login("dora", secrets[1], "PLAIN"))
        secrets += [l for l in self.gh.cert.key_text().splitlines() if len(l) > 30]
        secrets[2] = secrets[2].split("$")[2].split(":")[0]  # the stored key
        texts = {"log": self.gh.log()}
        for command in ("save", "show users", "show keys", "show settings", "history", "certificate show",
                        "show clients", "show sessions", "show counters"):
            texts[command] = self.good(*command.split()) + self.good("--json", *command.split())
        for name in os.listdir(os.path.join(self.gh.state, "conf")):
            with open(os.path.join(self.gh.state, "conf", name)) as f:
                texts[name] = f.read()
        for where, text in texts.items():
            for secret in secrets:
                self.assertNotIn(secret, text, where)
        for user in ("dora", "emil"):
            self.good("user", "delete", user + "@near.example")


class Certificates(Admin):
    """Keys in gh-keys, chains in the settings."""

    def bundle(self, kind="rsa", domain="near.example", with_key=True, name="new.pem"):
        c = self.pki.make(kind, domain)
        return self.place.write(name, c.text() + (c.key_text() if with_key else ""))

    def served(self):
        """The certificate that the client door shows now."""
        s = raw.Stream(self.gh.addr, 5223)
        self.streams.append(s)
        s.wrap(raw.client_context(alpn="xmpp-client"), "near.example")
        return hashlib.sha256(s.sock.getpeercert(True)).hexdigest()

    def test_key_missing_or_of_another(self):
        self.bad("there is no private key nokey: certificate import nokey FILE",
                 text="certificate import nokey %s\nset domain near.example certificate nokey\ncommit\n"
                 % self.bundle(with_key=False))
        lines = "certificate generate wrong rsa-2048\ncertificate import wrong %s\n" % self.bundle(with_key=False)
        for verb in ("check", "commit"):
            self.bad("the private key wrong belongs to another certificate",
                     text=lines + "set domain near.example certificate wrong\n%s\n" % verb)
        self.good("key", "delete", "wrong")

    def test_gh_keys_that_hangs_does_not_hold_up_a_commit(self):
        pid = self.gh.pid("gh-keys")
        os.kill(pid, signal.SIGSTOP)
        try:
            p = subprocess.Popen([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            p.stdin.write("set im resume 77\ncommit\n")
            p.stdin.close()
            log_at = len(self.gh.log())
            wait_for("the commit waits", lambda: "command=commit" in self.gh.log()[log_at - 200:], 5)
            p.send_signal(signal.SIGINT)  # stopped while it waits: nothing is committed
            self.assertEqual(p.wait(2), 1)
            self.assertIn("error: stopped", p.stderr.read())
            p.stdout.close()
            p.stderr.close()
            self.assertIsNone(self.value("im resume"))
            got = self.gh.operator(text="set im resume 78\ncommit\n")
            self.assertEqual(got.returncode, 0, got.stderr)
            self.assertIn("gh-keys does not answer", got.stderr)
            self.assertEqual(self.value("im resume"), "78")
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for("gh-keys is back", lambda: self.gh.operator("show", "keys").returncode == 0, 5)
        self.assertNotIn("note", self.gh.operator(text="delete im resume\ncommit\n").stderr)

    def test_wrong_name(self):
        self.bad("does not cover the name near.example",
                 text="certificate import stranger %s\nset domain near.example certificate stranger\ncommit\n"
                 % self.bundle("good", "far.example"))
        self.good("key", "delete", "stranger")

    def test_renewal_is_live_and_old_keys_stay_while_they_run(self):
        for line in ("key delete own", "certificate generate own ecdsa-p256", "certificate import own " + self.bundle("rsa")):
            self.bad("near.example runs with this key: take a new name", text=line + "\n")
        old = self.served()
        self.good(text="certificate import new %s\nset domain near.example certificate new\ncheck\ncommit\n" % self.bundle("rsa"))
        new = {r["name"]: r["sha256"] for r in self.gh.records("certificate", "show")}
        wait_for("the new certificate", lambda: self.served() == new["new"], 5)
        self.assertEqual(old, new["own"])
        self.bad("runs with this key", "key", "delete", "new")
        self.good(text="set domain near.example certificate own\ndelete certificate new\ncommit\nkey delete new\n")
        wait_for("the old certificate", lambda: self.served() == old, 5)
        # the same key, imported again, changes nothing
        self.good(text="certificate import own %s\ncommit\n" % self.bundle("good"))
        self.assertEqual(self.served(), old)

    def test_an_end_that_is_near(self):
        box = self.gatehouse("ending.example", kind="ending", name="ending")
        box.start()
        notes = box.operator("check").stderr
        self.assertRegex(notes, r"note: certificate own chain: the certificate ends at 20\d\d-.*, in [78] days: renew it")
        box.kill("gh-conf")
        line = wait_for("the alarm", lambda: [l for l in box.log().splitlines() if "conf.certificate.ending" in l], 5)[0]
        self.assertRegex(line, r"domain=ending.example certificate=own until=.* days=[78]$")
        shown = box.records("certificate", "show")[0]
        self.assertIn(shown["days"], ("7", "8"))
        self.assertGreater(int(self.gh.records("certificate", "show", "own")[0]["days"]), 21)
        self.assertNotIn("ends at", self.gh.operator("check").stderr)
        box.stop()

    def test_generate_request_self_signed(self):
        for kind in ("ecdsa-p256", "ecdsa-p384", "rsa-2048"):
            self.good("certificate", "generate", "gen", kind)
            csr = self.good("certificate", "csr", "gen", "near.example", "rooms.near.example")
            got = subprocess.run(["/usr/bin/openssl", "req", "-noout", "-text", "-verify"], input=csr, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertIn("DNS:near.example, DNS:rooms.near.example", got.stdout)
            self.assertEqual(got.returncode, 0, got.stdout)
            self.assertEqual(json.loads(self.good("--json", "certificate", "csr", "gen", "near.example"))[0]["text"][:10],
                             "-----BEGIN")
        self.good(text="certificate self-signed gen near.example\nset domain near.example certificate gen\ncommit\n")
        self.assertIn("dns:near.example", self.good("certificate", "show", "gen"))
        pin = {r["key"]: r["pin"] for r in self.gh.records("show", "keys")}
        self.assertEqual(pin["own"], self.gh.cert.pin)
        self.good(text="set domain near.example certificate own\ndelete certificate gen\ncommit\nkey delete gen\n")
        self.bad("no such certificate", "certificate", "show", "gen")

    def test_bad_files(self):
        key = self.pki.make("good", "near.example").key
        enc = subprocess.run(["/usr/bin/openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:x"],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
        for text, wanted in ((enc, "no password given"), ("hello\n", "neither certificates nor a private key"),
                             ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "the private key cannot be read"),
                             ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "")):
            with self.subTest(wanted=wanted):
                path = self.place.write("bad.pem", text)
                self.bad(wanted, text="certificate import broken %s\ncommit\n" % path)
        self.bad("letters a-z", "certificate", "import", "../x", self.bundle())
        self.assertNotIn("broken", self.good("show", "keys"))

    def test_settings_move_to_a_fresh_box_after_its_keys(self):
        saved = self.place.write("moved.conf", self.good("save").replace(self.gh.addr, self.place.addr()))
        fresh = self.gatehouse("near.example", name="fresh").start(is_empty=True)
        got = fresh.operator(text="load %s\ncommit\n" % saved)
        self.assertEqual(got.returncode, 1)
        self.assertIn("there is no private key own: certificate import own FILE, with the key in the file", got.stderr)
        got = fresh.operator(text="certificate import own %s\nload %s\ncheck\ncommit\n" % (self.bundle("good"), saved))
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertEqual(fresh.operator("save").stdout, open(saved).read())
        fresh.stop()


class Watching(Admin):
    """What goes on: trace, debug lines, levels, a stopped program, a backup."""

    @classmethod
    def build(cls):
        super().build()
        cls.gh.publish()
        cls.far = cls.gatehouse("far.example", peers={"near.example": {"action": "allow"}}).publish().start()
        cls.gh.user("juliet")
        cls.far.user("romeo")

    def trace(self, domain, seconds, *options):
        p = subprocess.Popen([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket] + list(options) +
                             ["trace", "domain", domain, str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
        self.addCleanup(lambda: (p.kill(), p.communicate()))
        wait_for("the trace runs", lambda: any("audit.command" in l and "trace domain" in l for l in self.new_log()), 5)
        time.sleep(0.2)
        return p

    def new_log(self):
        return self.gh.log()[self.log_at:].splitlines()

    def setUp(self):
        super().setUp()
        self.log_at = len(self.gh.log())

    def test_trace_shows_what_passes_but_no_content(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        t = self.trace("far.example", 20, "--json")
        other = self.trace("other.example", 1)
        self.chat(j, r, "what a lovely content")
        self.chat(r, j, "and its lovely answer")
        self.assertEqual(other.communicate(timeout=10)[0].strip(), "time is over")
        t.send_signal(signal.SIGINT)  # as Ctrl-C
        out, err = t.communicate(timeout=5)
        self.assertEqual(t.returncode, 0, err)
        messages = [m for m in json.loads(out) if m["kind"] == "message"]
        self.assertEqual([(m["direction"], m["from"], m["to"], m["verdict"]) for m in messages],
                         [("out", j.jid, r.jid, "passed"), ("in", r.jid, j.jid, "passed")])
        self.assertNotIn("lovely", out)

    def test_show_federation_after_traffic(self):
        j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(j, r, "once")
        streams = lambda: [x for x in self.gh.records("show", "federation", "far.example") if x["type"] == "stream"]
        stream = streams()[0]
        self.assertEqual((stream["state"], stream["proof"], stream["tls"]), ("ready", "pkix", "TLSv1.3"))
        # What the far side has not acknowledged would be sent again, by a new stream.
        wait_for("all is acknowledged", lambda: all(str(x["unacked"]) == "0" for x in streams()), 5)
        self.good("federation", "close", "far.example")
        wait_for("no stream", lambda: not streams(), 5)

    def test_federation_check_names_the_rung(self):
        self.assertIn("the domain can be reached", self.good("federation", "check", "far.example"))
        got = self.bad("cannot be reached", "federation", "check", "stranger.example")
        self.assertIn("policy", got.stdout)
        self.assertIn("set federation peer DOMAIN action allow", got.stdout)
        self.good(text="set federation peer nowhere.example action allow\ncommit\n")
        got = self.bad("cannot be reached", "federation", "check", "nowhere.example", "near.example")
        self.assertIn("the domain does not exist in DNS", got.stdout)
        self.good(text="delete federation peer nowhere.example\ncommit\n")

    def steps(self):
        return [l for l in self.new_log() if "s2s.step" in l]

    def test_debug_lines_for_one_domain(self):
        self.good("federation", "check", "far.example")
        self.assertEqual(self.steps(), [])
        self.good(text="set log debug domain far.example on\nset federation peer else.example action allow\ncommit\n")
        self.gh.operator("federation", "check", "far.example")
        self.gh.operator("federation", "check", "else.example")
        steps = self.steps()
        self.assertGreater(len(steps), 3)
        self.assertTrue(all("debug gh-s2s" in l and "domain=far.example" in l for l in steps))
        self.good(text="delete log debug\ndelete federation peer else.example\ncommit\n")
        n = len(self.steps())
        self.good("federation", "check", "far.example")
        self.assertEqual(len(self.steps()), n)

    def test_log_level(self):
        self.good(text="set log level warn\ncommit\n")
        self.log_at = len(self.gh.log())
        self.login(self.gh, "juliet")
        self.good("federation", "retry")
        self.assertEqual([l for l in self.new_log() if " info " in l], [])
        self.good(text="delete log level\ncommit\n")
        self.login(self.gh, "juliet")
        wait_for("the login", lambda: any("c2s.login" in l for l in self.new_log()), 5)

    def test_every_program_may_end(self):
        """docs/admin/operation.md, "What survives a crash": afterwards all is as before."""
        for program in ("gh-access", "gh-s2s", "gh-switch", "gh-im", "gh-store", "gh-keys", "gh-conf",
                        "gh-sip", "gh-xlate", "gh-line", "gh-turn", "gh-log", "gh-update", "gh-admin", "gh-capture", "gh-pki", "gh-proxy", "gh-link"):
            with self.subTest(program=program):
                j, r = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
                self.chat(j, r, "before the end of " + program)
                self.gh.kill(program)
                if program in ("gh-switch", "gh-s2s", "gh-store", "gh-keys", "gh-conf",
                               "gh-sip", "gh-xlate", "gh-line", "gh-turn", "gh-log", "gh-update", "gh-admin", "gh-capture", "gh-pki", "gh-proxy", "gh-link"):  # nobody is disconnected
                    j.message(r.jid, "after the end of " + program)
                    r.wait_body("after the end of " + program, 15)
                self.assertTrue(wait_for("a login works", self.try_login, 15, 0.3))
                wait_for("ghsh works", lambda: self.gh.operator("show", "version").returncode == 0, 5)
                j.close()  # a person has not so many sessions (im sessions-per-user) as there are programs
                r.close()
        restarts = {}
        for x in self.gh.records("show", "processes"):
            restarts[x["program"]] = restarts.get(x["program"], 0) + int(x["restarts"])
        self.assertTrue(all(n >= 1 for n in restarts.values()), restarts)

    def try_login(self):
        try:
            self.login(self.gh, "juliet").close()
            return True
        except (raw.Closed, raw.SaslFailed, Failed, OSError):
            return False

    def test_the_state_folder_is_a_whole_backup(self):
        addr = self.place.addr()
        old = self.gatehouse("old.example", addr=addr)
        old.start()
        old.user("nurse", "kept")
        old.stop()
        new = self.gatehouse("old.example", addr=addr, name="restored")
        shutil.rmtree(new.state)
        subprocess.run(["cp", "-a", old.state, new.state], check=True)
        new.start(is_empty=True)
        wait_for("it listens", lambda: port_open(addr, 5222), 5)
        s = raw.login(addr, "nurse", "old.example", "kept", ca=self.pki.ca)
        self.streams.append(s)
        self.assertEqual(new.operator("save").stdout.count("set domain old.example"), 1)
        new.stop()


EVENT = r"`([a-z0-9]+\.[a-z._-]+)`"
WRITTEN = r" (?:warn|error) %s ([a-z0-9]+\.[a-z._-]+) "  # a whole line, where gh-log writes for another program
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


class Pages(PeerCase):
    """The examples in docs/admin work as they stand there, one after the other, on a fresh box."""

    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("example.com").start(is_empty=True)
        cls.partner = cls.gatehouse("partner.example", peers={"example.com": {"action": "allow"}}).publish().start()
        cls.folder = cls.place.path("docs")
        os.makedirs(cls.folder)
        cert = cls.pki.make("good", "example.com")
        cls.place.write("docs/example.com.pem", cert.text() + cert.key_text())
        shutil.copy(cls.pki.ca, os.path.join(cls.folder, "partner-ca.pem"))
        # What an example cannot know: where this test's box and name server are; a shorter trace.
        cls.here = {"192.0.2.10": cls.gh.addr, "192.0.2.53": "%s %d" % (cls.dns.addr, cls.dns.port),
                    "trace domain partner.example 60": "trace domain partner.example 1"}

    def run_block(self, kind, text):
        for there, here in self.here.items():
            text = text.replace(there, here)
        argv = ["/bin/sh", "-euc", text] if kind == "sh" else [os.path.join(BIN, "ghsh")]
        return subprocess.run(argv, cwd=self.folder, input=text, text=True, timeout=30, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              env=dict(os.environ, PATH=BIN + ":" + os.environ["PATH"], GHSH_SOCKET=self.gh.socket))

    def test_examples(self):
        n = 0
        for page in ("README.md", "operation.md"):
            with open(os.path.join(TOP, "docs", "admin", page), encoding="utf-8") as f:
                text = f.read()
            for kind, block in BLOCK.findall(text):
                if kind not in ("sh", "ghsh"):
                    continue
                got = self.run_block(kind, block)
                self.assertEqual(got.returncode, 0, "%s:\n%s\n%s" % (page, block, got.stdout))
                n += 1
        self.assertGreaterEqual(n, 10)
        # and what they promise holds
        self.assertEqual(self.gh.records("show", "version")[0]["name"], "gate1")
        s = raw.login(self.gh.addr, "anna", "example.com", "another battery", ca=self.pki.ca)
        self.streams.append(s)
        self.assertEqual([r["user"] for r in self.gh.records("show", "users")], ["anna@example.com"])

    def test_commands_named_in_the_pages_exist(self):
        rows = [r["command"] for r in self.gh.records("help")]
        literals = {re.split(r" [<\[]", r)[0] for r in rows}
        with open(os.path.join(TOP, "docs", "admin", "README.md"), encoding="utf-8") as f:
            text = f.read()
        with open(os.path.join(TOP, "docs", "admin", "operation.md"), encoding="utf-8") as f:
            text += f.read()
        firsts = {l.split()[0] for l in literals}
        named = [c for c in re.findall(r"`([a-z][^`\n]*)`", re.sub(BLOCK, "", text)) if c.split()[0] in firsts]
        self.assertGreater(len(named), 20)
        unknown = [c for c in named if not any(c == l or c.startswith(l + " ") or l.startswith(c) for l in literals)]
        unknown = [c for c in unknown if not self.is_setting(c) and not self.is_setting(c.rsplit(" ", 1)[0])]  # with its value
        self.assertEqual(unknown, [])

    def is_setting(self, words):
        return self.gh.operator("describe", *words.split()).returncode == 0

    def explained(self):
        with open(os.path.join(TOP, "docs", "admin", "operation.md"), encoding="utf-8") as f:
            table = f.read().split("### What the lines mean")[1].split("\n## ")[0]
        return {e for row in table.splitlines() if row.startswith("| `") for e in re.findall(EVENT, row.split(" | ")[0])}

    def sources(self):
        for folder in ("core", "federation", "gateway", "firmware", "lib", "sip-xmpp", "turn"):
            for at, below, names in os.walk(os.path.join(TOP, folder)):
                below[:] = [b for b in below if b != "node_modules"]
                for name in names:
                    if name.endswith(".c") and not name.endswith("_test.c"):
                        with open(os.path.join(at, name), encoding="utf-8") as f:
                            yield f.read()

    def test_events_in_the_pages_are_the_programs(self):
        """Each line that operation.md explains is written by some program."""
        events = self.explained()
        self.assertGreater(len(events), 25)
        written = {e for text in self.sources() for e in re.findall('"%s"' % EVENT[1:-1], text) + re.findall(WRITTEN, text)}
        self.assertEqual(events - written, set())

    def test_each_warning_and_error_is_explained(self):
        """What a program writes at these levels stands in operation.md; of two events by outcome, the bad one is first."""
        loud = set()
        for text in self.sources():
            loud.update(re.findall(WRITTEN, text))
            for call in re.findall(r"\blog_(?:warn|error)\((.*?)(?:,\s*LOG_|;)", text, re.S):
                loud.update(re.findall('"%s"' % EVENT[1:-1], call))
            for call in re.findall(r"\b(?:log_write|put_head|PUT)\(([^;]*?LOG_LEVEL_(?:WARN|ERROR)\b[^;]*);", text):
                loud.update(re.findall('"%s"' % EVENT[1:-1], call)[:1])
        self.assertGreater(len(loud), 100)
        self.assertEqual(loud - self.explained(), set())
