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
            disabled="", interfaces="", s2s_ports="5269", s2s_tls_ports="5270", extra="", host_extra="", log="info")
        lines = example("prosody")
        self.assertLessEqual(set(re.findall('"([^"]*)"', lines[0])), set(prosody.MODULES))
        self.lines_are_in(lines[1:], config)

    def test_ejabberd(self):
        config = ejabberd.CONFIG.format(**FAR, pem="/etc/ejabberd/far.example.pem", ca="/etc/ejabberd/near-ca.crt",
                                        starttls="required", dialback="", log="info")
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
