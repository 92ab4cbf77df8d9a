"""People in files of XEP-0227: users import, users export (docs/admin/migration.md)."""
import glob
import os
import re
import time

from harness import raw
from harness.ejabberd import Ejabberd
from harness.people import DOMAIN, Box, arrived, bodies
from harness.prosody import Prosody
from harness.place import wait_for

PIE = "urn:xmpp:pie:0"
NICK = "http://jabber.org/protocol/nick"
PUBSUB = "http://jabber.org/protocol/pubsub"
HEAD = "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='%s'><host jid='%s'>" % (PIE, DOMAIN)
TAIL = "</host></server-data>\n"
SCRAM = ("<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='%s'><iter-count>4096</iter-count><salt>%s</salt>"
         "<server-key>%s</server-key><stored-key>%s</stored-key></scram-credentials>")


def roster(s):
    got = s.iq("get", "<query xmlns='jabber:iq:roster'/>")
    return {i.get("jid"): (i.get("name"), i.get("subscription"), i.get("ask"), sorted(g.text for g in i.iter("{*}group"))) for i in got.iter("{*}item")}


class PortableBox(Box):
    def write(self, text, name="people.xml"):
        path = self.place.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def take(self, path, code=0):
        """What is told of people, by their address, and the last line."""
        got = self.gh.operator("--json", "users", "import", path, timeout=120)
        print(got.stdout, got.stderr)
        return got


class Import(PortableBox):
    def test_one(self):
        got = self.take(self.write(HEAD + "<user name='ann' password='secret'/>" + TAIL))
        self.assertEqual(got.returncode, 0)
