"""Settings changed on a running box: one commit a row, while a client and a federated stream stay open."""
import os
import re
import statistics
import time

from harness.fed import Fed
from harness.place import wait_for

DEF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "run", "settings.def")
ROW = re.compile(r'^SETTING\(\w+, "([^"]*)", SETTING_(\w+), "([^"]*)", (?:NULL|"([^"]*)"), .*, EFFECT_(\w+), "')
# The first other value would end what is held open, or contradicts what the harness has set.
VALUES = {"federation mode": "open", "sip mode": "open", "federation backoff-min": "1", "time zone": "Asia/Tokyo"}
RESTARTS = {"system role": "programs that the other role does not have end, and those that it has start; the others go on",
            "store engine": "gh-store begins anew with the other data, and what clients ask of it waits so long; with `postgresql` also for the other rows of `store` (test_postgresql)"}
PROVEN_ANEW = {"trust system": "partners have to prove themselves by what is trusted now (test_fed_certificates)",
               "trust revocation-required": "likewise (test_revocation)"}
ELSEWHERE = {"dns resolver": "test_resolver: unbound has a user and a port of its own, for which there is one network a box"}
REFUSED = {"turn discovery": "address", "directory enabled": "directory enabled needs one at least"}
HARNESS = {"federation backoff-min": "0"}  # its own value, put back


def plain_rows():
    """(path, type, range, default, effect) of each row that has no name in its path and has a default."""
    with open(DEF, encoding="utf-8") as f:
        found = [m.groups() for m in map(ROW.match, f) if m]
    return [r for r in found if "*" not in r[0] and r[3] is not None]


def second(path, kind, limits, default):
    """A valid value that is not the default; None: the table has none for the type."""
    if path in VALUES:
        return VALUES[path]
    if kind == "BOOL":
        return "off" if default == "on" else "on"
    if kind == "ENUM":
        return next(v for v in limits.split("|") if v != default)
    if kind == "INT":
        return str(int(default) + (1 if int(default) < int(limits.split("..")[1]) else -1))
    return "other" if kind == "TEXT" else None


class PlainRows(Fed):
    peers = {"far.example": {"action": "allow"}}

    @classmethod
    def partners(cls):
        cls.far = cls.prosody("far.example", dialback=False)

    def programs(self):
        """{(program, instance): (pid, restarts)} once nobody is on the way in or out."""
        def steady():
            rows = [r for r in self.gh.records("show", "processes") if r["state"] != "none"]
            return all(r["state"] == "running" for r in rows) and rows
        return {(r["program"], r["instance"]): (r["pid"], r["restarts"]) for r in wait_for("all are running", steady, 20)}

    def change(self, path, value):
        """What went wrong."""
        began = time.monotonic()
        got = self.gh.operator(text=('set %s "%s"\ncommit\n' % (path, value)) if value else "delete %s\ncommit\n" % path)
        self.took.append(time.monotonic() - began)
        text = got.stdout + got.stderr
        if path in REFUSED and value:
            return [] if got.returncode != 0 and REFUSED[path] in text else [(path, value, "taken, or for another reason", text)]
        return [(path, value, text)] if got.returncode != 0 and path not in REFUSED else []

    def compare(self, path, before):
        """Who began anew. A further worker may begin or end: only instance 0 has to be there."""
        after = self.programs()
        return [(path, k, v, after.get(k)) for k, v in before.items()
                if (k in after and after[k] != v) or (k not in after and k[1] == "0")]

    def openings(self):
        log = self.gh.log()
        return log.count(" s2s.connect ") + log.count(" s2s.ready "), log.count(" c2s.session.opened ")

    def test_no_row_restarts_a_program_or_ends_a_session(self):
        juliet, romeo = self.login(self.gh, "juliet"), self.login(self.far, "romeo")
        self.chat(juliet, romeo, "before")
        self.chat(romeo, juliet, "before")
        opened = self.openings()
        self.assertGreater(min(opened), 0)
        rows = plain_rows()
        self.assertGreater(len(rows), 100)
        problems, self.took = [], []
        for path, kind, limits, default, effect in rows:
            if effect == "RESTART":
                self.assertIn(path, RESTARTS, "it restarts, and no reason is listed")
                continue
            if path in PROVEN_ANEW or path in ELSEWHERE:
                continue
            value, before = second(path, kind, limits, default), self.programs()
            self.assertIsNotNone(value, path)
            problems += self.change(path, value) + self.compare(path, before)
            problems += self.change(path, HARNESS.get(path))
            self.programs()
        self.assertEqual(problems, [])
        print("%d commits of one row by ghsh: median %.0f ms, slowest %.0f ms" % (
            len(self.took), 1000 * statistics.median(self.took), 1000 * max(self.took)))
        self.chat(juliet, romeo, "after")
        self.chat(romeo, juliet, "after")
        self.assertEqual(self.openings(), opened, "\n".join(re.findall(r".* (?:s2s\.[a-z.]+|audit\.setting) .*", self.gh.log())))
