"""Certificates by ACME (RFC 8555): against Pebble, which others wrote, and against an authority of our own that can misbehave."""
import os
import unittest

from harness.case import PeerCase
from harness.pebble import Pebble
from harness.place import Failed, wait_for

HTTP, TLS = 5002, 5001


def settings(box, directory, *more):
    return ["set fetch allow local 127.0.0.0/8", "set acme directory " + directory, "set acme contact admin@%s" % box,
            "set acme terms-agreed on"] + list(more)


class Box:
    """What is asked of a box again and again."""

    def show(self, name):
        return self.gh.records("show", "acme", name)[0]

    def chain(self, name):
        got = self.gh.records("certificate", "show", name, check=False)
        return got[0] if got else None

    def await_state(self, name, state, seconds=40):
        try:
            return wait_for("%s is %s" % (name, state), lambda: self.show(name)["state"] == state and self.show(name), seconds, 0.2)
        except Failed as e:
            raise Failed("%s; %r" % (e, self.show(name))) from None

    def issued(self, name, seconds=40):
        return self.await_state(name, "good", seconds)

    def history(self):
        return self.gh.records("history")


class WithPebble(Box, PeerCase):
    @classmethod
    def build(cls):
        cls.gh = cls.gatehouse("a.example")
        cls.pebble = Pebble(cls.place, cls.pki, cls.dns, HTTP, TLS).start()
        cls.gh.settings = settings("a.example", cls.pebble.directory,
                                   "set acme listen v4 %s %d" % (cls.gh.addr, HTTP), "set acme listen-tls v4 %s %d" % (cls.gh.addr, TLS))
        cls.gh.publish().start()
        for name in ("one.a.example", "two.a.example", "three.a.example"):
            cls.dns.a(name, cls.gh.addr)

    def test_http(self):
        before = self.history()
        self.gh.commit("set certificate one names \"one.a.example two.a.example\"", "set certificate one acme on")
        got = self.issued("one")
        self.assertEqual(got["names"], "one.a.example two.a.example")
        chain = self.chain("one")
        self.assertEqual(sorted(chain["names"].split()), ["dns:one.a.example", "dns:two.a.example"])
        self.assertIn("Pebble", chain["issuer"])
        self.assertGreater(int(chain["chain"]), 1)
        new = self.history()
        self.assertEqual(len(new), len(before) + 2)
        self.assertIn("acme", [(g["by"]) for g in new])
        self.assertIn("certificate one", [g["note"] for g in new])

    def test_tls(self):
        self.gh.commit("set acme challenge tls-alpn-01", "set certificate three names three.a.example",
                       "set certificate three key-type rsa-2048", "set certificate three acme on")
        try:
            self.issued("three")
        finally:
            self.gh.commit("set acme challenge http-01")
        self.assertEqual(self.chain("three")["names"], "dns:three.a.example")
