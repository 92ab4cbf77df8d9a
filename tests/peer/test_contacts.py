"""Lists of contacts in files: contacts export, import, rename (D-BAT, D-REN, D-CEX, D-CIM; docs/admin/users.md)."""
import csv
import json
import os
import re
import signal
import subprocess
import threading
import time

from harness import raw
from harness.client import SlixClient
from harness.people import PING, Box, arrived
from harness.place import BIN, wait_for

ROSTER = "jabber:iq:roster"


def roster(s):
    """{jid: (name, subscription, groups)} as the client sees it; it gets pushes from now on."""
    got = s.iq("get", "<query xmlns='%s'/>" % ROSTER)
    return {i.get("jid"): (i.get("name"), i.get("subscription"), sorted(g.text for g in i.iter("{%s}group" % ROSTER)))
            for i in got.iter("{%s}item" % ROSTER)}


def pushes(elements):
    return [(i.get("jid"), i.get("subscription")) for e in elements if e.get("type") == "set" for i in e.iter("{%s}item" % ROSTER)]


class ContactsBox(Box):
    def write(self, text, name="list.csv"):
        path = self.place.path(name)
        with open(path, "w", newline="", encoding="utf-8") as f:
            f.write(text)
        return path

    def read(self, kind, text, gh=None, timeout=120):
        """The counters, and (line, reason) of the lines that are told (of a rename: (line, lists, reason))."""
        first, *rest = (gh or self.gh).records("contacts", kind, self.write(text), timeout=timeout)
        keys = ("line", "reason") if kind == "import" else ("line", "lists", "reason")
        return {k: int(v) for k, v in first.items()}, [tuple(int(r[k]) for k in keys) for r in rest]

    def export(self, *whose, gh=None, code=0):
        folder = self.place.path("out-%d" % time.monotonic_ns())
        os.makedirs(folder)
        got = (gh or self.gh).operator("contacts", "export", "roster.csv", *whose, cwd=folder)
        self.assertEqual(got.returncode != 0, code != 0, got.stdout + got.stderr)
        if code:
            return None
        name, = os.listdir(folder)
        self.assertRegex(name, r"^roster-\d{8}-\d{6}\.csv$")
        with open(os.path.join(folder, name), newline="", encoding="utf-8") as f:
            return f.read()


class Import(ContactsBox):
    settings = ("set im roster-max 4",)

    def test_rows_by_the_rules(self):
        """D-CIM-02 to D-CIM-07, D-CIM-12, D-CIM-13: what is right comes in at once, what is not is told by line."""
        u, v = self.people("u", "v")
        s = self.client(u)
        self.assertEqual(roster(s), {})
        row = u + ",near.example,%s,%s,%s,%s\r\n"
        text = "".join((
            "User ID,User Domain,Contact ID,Contact Domain,Nickname,Group Name\r\n",
            row % ("ann", "far.example", '"Ann, ""A."""', "Friends"),
            row % ("ann", "far.example", "", "Work"),
            row % ("bob@x", "FAR.example", "", "General"),     # the last @ parts: XEP-0106
            row % ("carl", "-bad.example", "", "Friends"),     # 5: domain
            row % ("carl", "far.e1", "", "Friends"),
            row % ("carl", "l" * 64 + ".example", "", "Friends"),
            row % ("", "far.example", "", "Friends"),          # 8: format
            row % ("carl", "far.example", "", ""),
            row % ("c" * 133, "far.example", "", "Friends"),
            row % ("carl", "far.example", "n" * 256, "Friends"),
            "only,three,columns\r\n",
            '"a quote that ends nowhere,x\r\n',
            row % (u, "near.example", "", "Friends"),          # 14: oneself
            "nobody,near.example,ann,far.example,,Friends\r\n",  # 15
            "ann,far.example,ann,near.example,,Friends\r\n",
            "\r\n",
            row % ("dora", "far.example", "Dora", "Friends"),
            row % ("emil", "far.example", "", "Friends"),
            row % ("full", "far.example", "", "Friends"),      # 20: im roster-max
            row % ("x" * 20000, "far.example", "", "Friends"),
            v + ",near.example,ann,far.example,,Friends"))
        counters, told = self.read("import", text)
        self.assertEqual(counters, {"imported": 6, "errors": 0, "ignored": 14, "unprocessed": 0})
        self.assertEqual(told, [(5, 2), (6, 2), (7, 2)] + [(n, 1) for n in range(8, 14)] + [(14, 3), (15, 5), (16, 5), (20, 4), (21, 1)])
        far = "%s@far.example"
        want = {far % "ann": ('Ann, "A."', "none", ["Friends", "Work"]), far % "bob\\40x": (None, "none", []),
                far % "dora": ("Dora", "none", ["Friends"]), far % "emil": (None, "none", ["Friends"])}
        self.assertEqual([j for j, _ in pushes(arrived(s))], [far % n for n in ("ann", "ann", "bob\\40x", "dora", "emil")])
        self.assertEqual(roster(s), want)
        self.assertEqual(list(roster(self.client(v))), [far % "ann"])
        # Again: nothing changes, nobody is told, and it counts as there (D-CIM-01: no replacing).
        self.assertEqual(self.read("import", row % ("ann", "far.example", "Another", "Work"))[0]["imported"], 1)
        self.assertEqual(pushes(arrived(s)), [])
        self.assertEqual(roster(s), want)

    def test_nothing_to_read(self):
        self.assertEqual(self.read("import", ""), ({"imported": 0, "errors": 0, "ignored": 0, "unprocessed": 0}, []))
        got = self.gh.operator("contacts", "import", "/nowhere/list.csv")
        self.assertNotEqual(got.returncode, 0)
        got = self.gh.operator("contacts", "export", "../roster")
        self.assertIn("without a folder", got.stdout + got.stderr)

    def test_slixmpp_sees_it(self):
        u = self.people("u")
        c = SlixClient(self.gh, u, ca=self.pki.ca)
        try:
            self.read("import", u + ",near.example,ann,far.example,Ann,Friends\n")
            wait_for("the push", lambda: "ann@far.example" in c.call(lambda: list(c.x.client_roster)), 10)
            self.assertEqual(c.call(lambda: (c.x.client_roster["ann@far.example"]["name"], c.x.client_roster["ann@far.example"]["groups"])),
                             ("Ann", ["Friends"]))
        finally:
            c.close()


class Export(ContactsBox):
    hosted = ("other.example",)

    def test_a_second_box_has_the_same_lists(self):
        """D-CEX-02 to D-CEX-05, D-BAT-05, D-BAT-06; what is exported is imported as it was."""
        a, b = self.people("a", "b")
        self.assertEqual(self.gh.operator("user", "add", "carl\\40usa@other.example", "secret").returncode, 0)
        s, t = self.client(a), self.client(b)
        sets = ("<item jid='ann@far.example' name='Ann &quot;A.&quot;, of far'><group>Fri, ends</group><group>Work</group></item>",
                "<item jid='bob@far.example'/>", "<item jid='zo\u00eb@far.example' name='Zo\u00eb '><group>Work</group></item>",
                "<item jid='gateway.far.example' name='no user part'/>")
        for item in sets:
            self.assertEqual(s.iq("set", "<query xmlns='%s'>%s</query>" % (ROSTER, item)).get("type"), "result")
        self.befriend(s, t)
        whole = self.export()
        rows = [r for r in csv.reader(whole.splitlines(keepends=True))]
        own = [a, "near.example"]
        self.assertEqual([r for r in rows if r[:2] == own], [
            own + ["ann", "far.example", 'Ann "A.", of far', "Fri, ends"], own + ["ann", "far.example", 'Ann "A.", of far', "Work"],
            own + [b, "near.example", "", "General"], own + ["bob", "far.example", "", "General"],
            own + ["zo\u00eb", "far.example", "Zo\u00eb ", "Work"]])
        self.assertIn([b, "near.example", a, "near.example", "", "General"], rows)
        # of one person, of a domain, of nobody
        self.assertEqual({r[0] for r in csv.reader(self.export(a + "@near.example").splitlines())}, {a})
        self.read("import", "carl@usa,other.example,ann,far.example,,Work\n")
        self.assertEqual(self.export("other.example"), "carl@usa,other.example,ann,far.example,,Work\n")
        self.export("nobody@near.example", code=1)
        self.export("a@b/c", code=1)

        second = self.gatehouse("near.example", name="second")
        second.user(a)
        second.user(b)
        second.start()
        counters, told = self.read("import", whole, gh=second)
        self.assertEqual((counters["imported"], told), (len(rows), []))
        self.assertEqual(self.export(gh=second), whole)
        there = roster(self.login(second, a))
        here = roster(s)
        del here["gateway.far.example"]
        names_and_groups = lambda lists: {j: (n, g) for j, (n, _, g) in lists.items()}
        self.assertEqual(names_and_groups(there), names_and_groups(here))
        second.stop()


class Rename(ContactsBox):
    def test_every_list_has_the_new_address(self):
        """D-REN-01, D-REN-02: in all lists, with names, groups and subscriptions."""
        a, b, c, n = self.people("a", "b", "c", "n")
        s, t, new = self.client(a), self.client(b), self.client(n)
        self.befriend(s, t)
        old, to = "%s@near.example" % b, "%s@near.example" % n
        self.assertEqual(s.iq("set", "<query xmlns='%s'><item jid='%s' name='B'><group>G</group></item></query>" % (ROSTER, old)).get("type"), "result")
        third = self.client(c)
        third.iq("set", "<query xmlns='%s'><item jid='%s'><group>X</group></item></query>" % (ROSTER, old))
        third.iq("set", "<query xmlns='%s'><item jid='%s' name='New'><group>Y</group></item></query>" % (ROSTER, to))
        roster(s), roster(third), roster(new)
        arrived(s, third, new)
        counters, told = self.read("rename", "Contact ID, New Contact ID\n%s, %s\nnobody@far.example, x@far.example\nbad\nx@y.example, z@-\n"
                                   "%s@near.example, %s\n" % (old, to, a, old))
        # The last row: b has a in the list, and b may not be in its own.
        self.assertEqual(counters, {"renamed": 1, "errors": 0, "ignored": 4, "unprocessed": 0})
        self.assertEqual(told, [(2, 2, 0), (3, 0, 7), (4, 0, 1), (5, 0, 2), (6, 0, 3)])
        of_a, of_c, of_n = arrived(s, third, new)
        self.assertEqual(pushes(of_a), [(old, "remove"), (to, "both")])
        self.assertEqual(pushes(of_c), [(old, "remove"), (to, "none")])
        self.assertEqual(roster(s), {to: ("B", "both", ["G"])})
        self.assertEqual(roster(third), {to: ("New", "none", ["X", "Y"])})
        # The new one hears of who shows its presence to it.
        self.assertEqual([e.get("from") for e in of_n if raw.local(e.tag) == "presence" and e.get("type") is None], [s.jid])
        # After a start of all programs it is the same: it is on disk.
        self.gh.kill("gh-im")
        self.assertEqual(roster(self.client(a)), {to: ("B", "both", ["G"])})


class Asked(ContactsBox):
    settings = ("set im approve-local off",)

    def test_a_request_that_waits_stays(self):
        a, b = self.people("a", "b")
        s = self.client(a)
        s.iq("set", "<query xmlns='%s'><item jid='%s@near.example' name='B'/></query>" % (ROSTER, b))
        t = self.client(b)
        t.send("<presence to='%s' type='subscribe'/>" % s.bare)
        s.wait(lambda e: e.get("type") == "subscribe", what="subscribe")
        self.assertEqual(self.read("rename", "%s@near.example,other@far.example\n" % b)[0]["renamed"], 1)
        self.assertEqual(roster(s), {"other@far.example": ("B", "none", [])})
        again = self.client(a)
        again.send("<presence/>")
        again.wait(lambda e: e.get("type") == "subscribe" and e.get("from") == t.bare, what="the request")


class Large(ContactsBox):
    ROWS, PEOPLE = 20000, 20
    settings = ("set im roster-max 10000",)

    def rows(self, people, n):
        for i in range(n):
            yield "%s,near.example,contact%06d,far.example,Contact %d,Group %d\n" % (people[i % len(people)], i, i, i % 7)

    def test_the_server_goes_on(self):
        """D-BAT-07, D-CIM-10: people talk while a large file is read, and nothing of it is held."""
        people = self.people(*["p%d-" % i for i in range(self.PEOPLE)])
        a, b = self.client(people[0]), self.client(people[1])
        arrived(a, b)
        path, result, slowest = self.write("".join(self.rows(people, self.ROWS))), [], 0

        def run():
            result.extend(self.gh.records("contacts", "import", path, timeout=300))
        before = self.im_kib()
        worker = threading.Thread(target=run)
        began = time.monotonic()
        worker.start()
        asked = 0
        while worker.is_alive():
            at = time.monotonic()
            a.message(b.bare, "m%d" % asked)
            b.wait_body("m%d" % asked, timeout=30)
            slowest = max(slowest, time.monotonic() - at)
            asked += 1
        worker.join()
        took = time.monotonic() - began
        self.assertEqual({k: int(v) for k, v in result[0].items()}, {"imported": self.ROWS, "errors": 0, "ignored": 0, "unprocessed": 0})
        print("  import: %d rows in %.1f s, %d messages beside it, the slowest %.0f ms; gh-im %d KiB, then %d" % (
            self.ROWS, took, asked, slowest * 1000, before, self.im_kib()))
        self.assertGreater(asked, 10)
        self.assertLess(slowest, 5)
        self.assertEqual(len(roster(self.client(people[2]))), self.ROWS // self.PEOPLE)

    def im_kib(self):
        with open("/proc/%d/status" % self.gh.pid("gh-im")) as f:
            return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1))

    def test_gh_im_dies_in_the_middle(self):
        """Whoever dies: the file is read to its end, and each row is there once and whole."""
        u = self.people("u")
        n = 5000
        text = "".join(self.rows([u], n)) + "nobody,near.example,x,far.example,,G\n"
        s = self.client(u)
        roster(s)
        p = subprocess.Popen([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket, "--json", "contacts", "import", self.write(text)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            s.wait(lambda e: e.get("type") == "set" and e.find(".//{%s}item" % ROSTER) is not None, what="the first push")
            os.kill(self.gh.pid("gh-im"), signal.SIGKILL)
            self.assertIsNone(p.poll(), "it was in the middle")
            out, err = p.communicate(timeout=60)
        finally:
            p.kill()
            p.wait()
        self.assertEqual(p.returncode, 0, err)
        self.assertRegex(out, r'"imported": ?"?%d\b' % n)
        self.assertRegex(out, r'"line": ?"?%d\b' % (n + 1))
        got = roster(self.client(u))
        self.assertEqual(len(got), n)
        self.assertEqual(got["contact004999@far.example"], ("Contact 4999", "none", ["Group 1"]))

    def test_a_death_in_a_rename(self):
        """The same with a rename under way: each list has the old address or the new one, and at the end all have the new ones."""
        people = self.people(*["s%d-" % i for i in range(10)])
        n = 400
        self.assertEqual(self.read("import", "".join(self.rows(people, n)))[0]["imported"], n)
        s = self.client(people[0])
        roster(s)
        self.assertEqual(self.rename_and_kill("gh-store", "contact", "renamed", n, s), {"0": n})
        self.gh.kill("gh-im")  # what is on disk
        lists = [roster(self.client(u)) for u in people]
        self.assertEqual(sorted(j for l in lists for j in l), ["renamed%06d@far.example" % i for i in range(n)])
        self.assertEqual(lists[3]["renamed000393@far.example"], ("Contact 393", "none", ["Group 1"]))
        # A gh-im that dies has done some of its piece: those lines say so.
        s = self.client(people[0])
        roster(s)
        reasons = self.rename_and_kill("gh-im", "renamed", "contact", n, s)
        self.assertEqual((set(reasons), sum(reasons.values())), ({"0", "9"}, n))
        lists = [roster(self.client(u)) for u in people]
        self.assertEqual(sorted(j for l in lists for j in l), ["contact%06d@far.example" % i for i in range(n)])

    def rename_and_kill(self, program, old, new, n, s):
        """{reason: lines}"""
        path = self.write("".join("%s%06d@far.example, %s%06d@far.example\n" % (old, i, new, i) for i in range(n)), "renames.csv")
        p = subprocess.Popen([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket, "--json", "contacts", "rename", path],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            s.wait(lambda e: e.get("type") == "set" and e.find(".//{%s}item" % ROSTER) is not None, what="the first push")
            os.kill(self.gh.pid(program), signal.SIGKILL)
            self.assertIsNone(p.poll(), "it was in the middle")
            out, err = p.communicate(timeout=60)
        finally:
            p.kill()
            p.wait()
        self.assertEqual(p.returncode, 0, err)
        first, *rest = json.loads(out)
        reasons = {}
        for r in rest:
            reasons[r["reason"]] = reasons.get(r["reason"], 0) + 1
        self.assertEqual(int(first["renamed"]), reasons["0"])
        return reasons

    def test_an_operator_who_goes(self):
        """The half of a file that came is there; another list can be read at once."""
        u = self.people("u")
        p = subprocess.Popen([os.path.join(BIN, "ghsh"), "--socket", self.gh.socket, "contacts", "import",
                              self.write("".join(self.rows([u], 5000)), "half.csv")],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            s = self.client(u)
            wait_for("some rows", lambda: roster(s), 30)
        finally:
            p.kill()
            p.wait()
        wait_for("another one", lambda: self.gh.operator("contacts", "import", self.write("", "none.csv")).returncode == 0, 30)
        self.assertEqual(self.gh.operator("show", "users").returncode, 0)
