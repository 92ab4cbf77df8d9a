"""What docs/federation says to partners is what these tests run with."""
import os
import re
import unittest

from harness import ejabberd, prosody

TOP = os.path.join(os.path.dirname(__file__), "..", "..")
PAGE = os.path.join(TOP, "docs", "federation", "README.md")
FAR = {"domain": "far.example", "addr": "192.0.2.5"}


def example(language):
    with open(PAGE, encoding="utf-8") as f:
        return re.search("```%s\n(.*?)```" % language, f.read(), re.S).group(1).splitlines()


class FederationPage(unittest.TestCase):
    def lines_are_in(self, lines, config):
        used = {line.strip() for line in config.splitlines()}
        for line in lines:
            self.assertIn(line.strip(), used)

    def test_prosody(self):
        crt, ca = "/etc/prosody/certs/far.example", "/etc/prosody/certs/near-ca.crt"
        config = prosody.CONFIG.format(
            **FAR, dir="", crt=crt + ".crt", key=crt + ".key", ca=ca, dns="", secure_auth="true", modules="",
            disabled="", interfaces="", s2s_ports="5269", s2s_tls_ports="5270", extra="", host_extra="", log="info", parts="")
        lines = example("prosody")
        self.assertLessEqual(set(re.findall('"([^"]*)"', lines[0])), set(prosody.MODULES))
        self.lines_are_in(lines[1:], config)

    def test_ejabberd(self):
        config = ejabberd.CONFIG.format(**FAR, pem="/etc/ejabberd/far.example.pem", ca="/etc/ejabberd/near-ca.crt",
                                        starttls="required", dialback="", log="info", modules="")
        self.lines_are_in(example("ejabberd"), config)

    def test_words_are_those_of_the_code(self):
        """Reason codes and conditions of the tables exist, each of the certificate codes is explained."""
        with open(PAGE, encoding="utf-8") as f:
            page = f.read()
        with open(os.path.join(TOP, "lib/base/err.h"), encoding="utf-8") as f:
            codes = {n.lower().replace("_", "-") for n in re.findall(r"X\(ERR_(\w+),", f.read())}
        with open(os.path.join(TOP, "lib/proto/xmpp.h"), encoding="utf-8") as f:
            conditions = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', f.read()))
        rows = [line for line in page.splitlines() if line.startswith("| ")]
        words = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", "\n".join(rows)))
        policy = {"no-row", "row-denies", "mode-off"}
        other = {"invalid-authzid", "xmpp-server"}
        self.assertFalse(words - codes - conditions - policy - other)
        self.assertFalse({c for c in codes if c.startswith("cert-")} - words)


class RelayRows(unittest.TestCase):
    def test_the_tests_of_the_rows_exist(self):
        """Each `file: name` of docs/architecture/turn-rows.md, and the names that follow in its row."""
        with open(os.path.join(TOP, "docs", "architecture", "turn-rows.md"), encoding="utf-8") as f:
            rows = [line for line in f if line.startswith("| ")]
        sources = {}
        for folder in ("turn", "turn/xdp", "lib/proto", "firmware/conf", "tests/peer"):
            for name in os.listdir(os.path.join(TOP, folder)):
                if name.endswith((".c", ".py")):
                    with open(os.path.join(TOP, folder, name), encoding="utf-8") as f:
                        sources[name.rsplit(".", 1)[0]] = f.read()
        found = 0
        for row in rows:
            source = None
            for file, name in re.findall(r"`(?:(\w+): )?([a-z]\w+)`", row):
                source = file or source
                if not file and (name in sources or source is None):
                    continue
                found += 1
                with self.subTest(row=row[:60], test=name):
                    self.assertTrue(re.search(r"\b%s\(" % name, sources[source]), source)
        self.assertGreater(found, 80)


class XmppRows(unittest.TestCase):
    def test_the_tests_of_the_rows_exist(self):
        """Each `file: name` of docs/architecture/xmpp-rows.md; a name alone is one of pep_test, those after "fuzz" are of tests/fuzz."""
        fuzz = re.compile(r"fuzz (`\w+`(?:, `\w+`)*)")
        with open(os.path.join(TOP, "docs", "architecture", "xmpp-rows.md"), encoding="utf-8") as f:
            rows = [line for line in f if line.startswith("| ")]
        sources = {}
        for folder in ("core/im", "core/store", "gateway/access", "lib/proto", "tests/peer", "federation/xmpp"):
            for under, _, names in os.walk(os.path.join(TOP, folder)):
                for name in names:
                    if name.endswith(("_test.c", ".py")):
                        with open(os.path.join(under, name), encoding="utf-8") as f:
                            sources[name.rsplit(".", 1)[0]] = f.read()
        found = 0
        for row in rows:
            for name in re.findall(r"\w+", " ".join(fuzz.findall(row))):
                with self.subTest(row=row[:60], fuzz=name):
                    self.assertTrue(os.path.exists(os.path.join(TOP, "tests", "fuzz", name + "_fuzz.c")))
            for file, name in re.findall(r"`(?:(\w+): )?(\w+_\w+|PepCrash)`", fuzz.sub("", row)):
                found += 1
                with self.subTest(row=row[:60], test=name):
                    if not file and name in sources:
                        continue
                    self.assertTrue(re.search(r"\b%s\(" % name, sources[file or "pep_test"]), file)
        self.assertGreater(found, 50)


class Stories(unittest.TestCase):
    def test_the_tests_of_the_stories_exist(self):
        """Each `file: name` of docs/architecture/stories.md."""
        with open(os.path.join(TOP, "docs", "architecture", "stories.md"), encoding="utf-8") as f:
            rows = [line for line in f if line.startswith("| ") and "---" not in line][1:]
        self.assertGreater(len(rows), 5)
        for row in rows:
            named = re.findall(r"`(test_\w+): (test_\w+)`", row)
            self.assertTrue(named, row)
            for file, name in named:
                with self.subTest(test=name), open(os.path.join(TOP, "tests", "peer", file + ".py"), encoding="utf-8") as f:
                    self.assertIn("    def %s(self):" % name, f.read())


class Links(unittest.TestCase):
    FENCED, SPAN, LINK = re.compile(r"^```.*?^```$", re.M | re.S), re.compile(r"`[^`\n]*`"), re.compile(r"\]\(([^)\s]+)\)")

    def pages(self):
        for at, below, names in os.walk(TOP):
            below[:] = [b for b in below if b not in ("build", "node_modules") and not b.startswith(".")]
            for name in names:
                if name.endswith(".md"):
                    yield os.path.normpath(os.path.join(at, name))

    def text(self, page):
        with open(page, encoding="utf-8") as f:
            return self.FENCED.sub("", f.read())

    def anchors(self, page):
        """As the viewers of such pages make them of headings."""
        headings = re.findall(r"^#+ (.*)$", self.text(page), re.M)
        return {re.sub(r"[^\w\- ]", "", h.lower().strip()).replace(" ", "-") for h in headings}

    def test_links_lead_somewhere(self):
        n = 0
        for page in self.pages():
            for link in self.LINK.findall(self.SPAN.sub("", self.text(page))):
                if "://" in link:
                    continue
                path, _, anchor = link.partition("#")
                there = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
                n += 1
                with self.subTest(page=os.path.relpath(page, TOP), link=link):
                    self.assertTrue(os.path.exists(there))
                    if anchor and there.endswith(".md"):
                        self.assertIn(anchor, self.anchors(there))
        self.assertGreater(n, 40)
