"""Base of the peer tests: a place a class, its logs when something failed."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "pki"))

from pki import Pki  # noqa: E402

from . import raw  # noqa: E402
from .dns import Dns  # noqa: E402
from .gatehouse import Gatehouse  # noqa: E402
from .place import Place  # noqa: E402


class PeerCase(unittest.TestCase):
    """A class has one place, one authority, one name server; setUpClass of a test class calls
    build(), which starts what its tests share."""

    @classmethod
    def setUpClass(cls):
        cls.failed = False
        cls.place = Place(cls.__name__.lower())
        try:
            cls.pki = Pki(cls.place.path("pki"))
            cls.dns = Dns(cls.place)
            cls.build()
        except BaseException:
            print(cls.place.logs(), file=sys.stderr)
            cls.place.close(keep=keep_logs())
            raise

    @classmethod
    def build(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        if cls.failed:
            print(cls.place.logs(), file=sys.stderr)
        cls.place.close(keep=cls.failed and keep_logs())

    def setUp(self):
        self.streams = []

    def tearDown(self):
        for s in self.streams:
            s.close()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            type(self).failed = True
        return result

    # ---- short words for what most tests do
    @classmethod
    def gatehouse(cls, domain, kind="good", **options):
        return Gatehouse(cls.place, domain, cls.pki.make(kind, domain), cls.pki.ca, cls.dns, **options)

    def login(self, server, user, **options):
        s = raw.login(server.addr, user, server.domain, server.users.get(user, "secret"),
                      ca=self.pki.ca if isinstance(server, Gatehouse) else None, **options)
        self.streams.append(s)
        return s

    def present(self, s):
        """The stream, once its server has dealt with its presence: messages that come before are stored."""
        self.assertEqual(s.iq("get", "<ping xmlns='urn:xmpp:ping'/>", s.bare.split("@")[1]).get("type"), "result")
        return s

    def chat(self, a, b, text, seconds=10):
        """A message from stream a arrives at stream b with the right sender."""
        a.message(b.jid, text)
        got = b.wait_body(text, seconds)
        self.assertEqual(got.get("from"), a.jid)
        return got


def keep_logs():
    return bool(os.environ.get("KEEP_LOGS"))
