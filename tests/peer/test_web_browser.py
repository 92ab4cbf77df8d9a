"""The pages of gh-admin in Chromium: what an administrator does, and whether every page can be read."""
import os
import subprocess

from harness.place import TOP, Failed, need
from harness.webadmin import FIRST, OWN
from test_web import WebCase


class Browser(WebCase):
    """firmware/admin/web/test/browser.mjs; WEB_SHOTS=FOLDER keeps a picture of each page."""
    IS_LONG = True

    def test_pages(self):
        need("chromium")
        web = os.path.join(TOP, "firmware", "admin", "web")
        if not os.path.isdir(os.path.join(web, "node_modules", "playwright-core")):
            raise Failed("playwright-core is missing: make web-deps")
        self.gh.ghsh("operator add boss admin %s\n" % FIRST)
        argv = [need("node"), "test/browser.mjs", "https://" + self.addr, "boss", FIRST, OWN]
        argv += [os.environ[x] for x in ("WEB_SHOTS",) if x in os.environ]
        got = subprocess.run(argv, cwd=web, capture_output=True, text=True, timeout=220, env=dict(os.environ, HOME=self.place.path("home")))
        lines = [x for x in got.stdout.splitlines() if x[:4] in ("pass", "FAIL")]
        for line in lines:
            with self.subTest(line[6:]):
                self.assertTrue(line.startswith("pass"), line)
        self.assertGreater(len(lines), 15, got.stdout + got.stderr)
        self.assertIn("log level", self.gh.ghsh("show settings log\n"))  # what the page committed
        self.assertEqual(self.gh.records("history")[0]["by"], "boss")
