"""Presence with Kamailio's presence server as the partner (RFC 8048): both directions, expiry, refresh, restarts."""
import time

from harness import raw
from harness.kampartner import KamailioPartner
from harness.people import arrived
from harness.place import Failed, wait_for
from harness.sipbox import PARTNER, Pidf
from harness.sipclient import pidf, subscribe


class Presence(KamailioPartner):
    contacts = frozenset()  # pairs of who watches and who is watched

    def publish(self, p, *tuples, more="", etag=None):
        got = p.ask("PUBLISH", "sip:%s@%s" % (p.user, PARTNER), user=p.user,
                    headers=["Event: presence", "Expires: 600"] + (["SIP-If-Match: " + etag] if etag else []),
                    body=pidf("%s@%s" % (p.user, PARTNER), *tuples, more=more), content_type="application/pidf+xml")
        self.assertEqual(got.status, 200)
        return got.get("sip-etag")

    def watch(self, j, p):
        j.send("<presence to='%s@%s' type='subscribe'/>" % (p.user, PARTNER))
        self.contacts = self.contacts | {(j.bare, p.user)}
        self.seen(j, p, "subscribed")

    def seen(self, j, p, kind=None, seconds=10, want=lambda e: True):
        return j.wait(lambda e: raw.local(e.tag) == "presence" and e.get("type") == kind and want(e) and
                      e.get("from").startswith("%s@%s" % (p.user, PARTNER)), seconds, "presence %s" % kind)

    def watched(self, p, j):
        got, d = subscribe(p, "sip:" + j.bare, user=p.user)
        self.assertEqual(got.status, 200, got.data)
        if (j.bare, p.user) not in self.contacts:  # of whom she sees she is not asked (D-AUT-07)
            j.wait(lambda e: e.get("type") == "subscribe", 10, "subscribe")
            j.send("<presence to='%s@%s' type='subscribed'/>" % (p.user, PARTNER))
        return d

    def document(self, p, d, want, seconds=12):
        m = p.wait_request("NOTIFY", seconds, lambda m: m.get("call-id") == d.call_id and m.body and want(Pidf(m)))
        return Pidf(m)


class Both(Presence):
    def test_xmpp_watches_sip(self):
        j, p = self.juliet(), self.romeo()
        self.watch(j, p)
        etag = self.publish(p, ("ID-dr4", "open", "", "<note>here</note>"))
        got = self.seen(j, p)
        self.assertEqual((got.get("from"), got.findtext("{*}status")), ("%s@%s/dr4" % (p.user, PARTNER), "here"))
        etag = self.publish(p, ("ID-dr4", "open"), etag=etag,
                            more='<dm:person id="p"><rpid:activities><rpid:meeting/></rpid:activities></dm:person>')
        self.assertEqual(self.seen(j, p, want=lambda e: e.find("{*}show") is not None).findtext("{*}show"), "dnd")
        self.publish(p, ("ID-dr4", "closed"), etag=etag)
        self.seen(j, p, "unavailable")
        before = self.far.log().count("SUBSCRIBE")
        j.send("<presence to='%s@%s' type='unsubscribe'/>" % (p.user, PARTNER))
        wait_for("the subscription's end at Kamailio", lambda: self.far.log().count("SUBSCRIBE") > before, 8)
        arrived(j)
        self.publish(p, ("ID-dr5", "open"))
        with self.assertRaises(Failed):
            self.seen(j, p, None, 1.5)

    def test_sip_watches_xmpp(self):
        j, p = self.juliet(), self.romeo()
        d = self.watched(p, j)
        got = self.document(p, d, lambda x: x.basic("ID-balcony") == "open")
        self.assertEqual(got.entity, "pres:" + j.bare)
        j.send("<presence><show>away</show><status>at lunch</status></presence>")
        got = self.document(p, d, lambda x: x.show("ID-balcony") == "away")
        self.assertIn("at lunch", [t for _, t in got.notes()])
        self.assertEqual(d.subscribe(600).status, 200)
        self.document(p, d, lambda x: x.show("ID-balcony") == "away")
        j.send("<presence type='unavailable'/>")
        self.document(p, d, lambda x: x.basic("ID-balcony") == "closed")
        self.assertEqual(d.subscribe(0).status, 200)
        self.assertIn("reason=timeout", p.wait_notify("terminated", 8, d.call_id).get("subscription-state"))

    def test_both_at_once_and_many(self):
        j = self.juliet()
        people = [self.romeo() for _ in range(5)]
        for p in people:
            self.watch(j, p)
        dialogs = [(p, self.watched(p, j)) for p in people]
        for p, d in dialogs:
            self.document(p, d, lambda x: x.basic("ID-balcony") == "open")
            self.publish(p, ("ID-x", "open"))
            self.seen(j, p)
        j.send("<presence><show>xa</show></presence>")
        for p, d in dialogs:
            self.document(p, d, lambda x: x.show("ID-balcony") == "xa")

    def test_refused(self):
        j, p = self.juliet(), self.romeo()
        got, d = subscribe(p, "sip:" + j.bare, user=p.user)
        j.wait(lambda e: e.get("type") == "subscribe", 10, "subscribe")
        j.send("<presence to='%s@%s' type='unsubscribed'/>" % (p.user, PARTNER))
        self.assertIn("reason=rejected", p.wait_notify("terminated", 8, d.call_id).get("subscription-state"))


class Refresh(Presence):
    """Kamailio grants 12 s: the gateway refreshes at half of that (SUB-X13), and the subscription lives on."""
    partner_options = {"max_expires": 12}

    def test_SUB_X13_refreshed_in_time(self):
        j, p = self.juliet(), self.romeo()
        self.watch(j, p)
        before = self.far.log().count("SUBSCRIBE")
        wait_for("a second refresh", lambda: self.far.log().count("SUBSCRIBE") >= before + 2, 20)
        self.publish(p, ("ID-dr4", "open"))
        self.seen(j, p)
        self.assertEqual([e for e in arrived(j) if e.get("type") in ("unsubscribed", "error")], [])

    def test_SUB_X09_partner_restarts_and_has_forgotten(self):
        j, p = self.juliet(), self.romeo()
        self.watch(j, p)
        self.far.stop()
        self.far.start()
        self.register(p)

        self.publish(p, ("ID-dr4", "open"))
        self.seen(j, p, None, 30)
        self.assertEqual([e for e in arrived(j) if e.get("type") == "unsubscribed"], [])


class Pending(Presence):
    """A presence server that leaves a subscription pending says nothing to the user (SUB-X02)."""
    partner_options = {"force_active": False}

    def test_SUB_X02_pending(self):
        j, p = self.juliet(), self.romeo()
        j.send("<presence to='%s@%s' type='subscribe'/>" % (p.user, PARTNER))
        wait_for("Kamailio has it", lambda: "SUBSCRIBE sip:%s@" % p.user in self.far.log(), 10)
        self.publish(p, ("ID-dr4", "open"))
        with self.assertRaises(Failed):
            self.seen(j, p, "subscribed", 2)
        self.assertEqual([e for e in arrived(j) if PARTNER in (e.get("from") or "")], [])


class Restarts(Presence):
    """Subscriptions survive gh-xlate and gh-sip (state survives a restart: section 3 of the mapping)."""

    def _goes_on(self, program):
        j, p = self.juliet(), self.romeo()
        self.watch(j, p)
        etag = self.publish(p, ("ID-dr4", "open"))
        self.seen(j, p)
        d = self.watched(p, j)
        self.document(p, d, lambda x: x.basic("ID-balcony") == "open")
        time.sleep(0.5)  # gh-xlate has its pairs stored 50 ms after a change, many at once: what is newer is lost with it
        self.gh.kill(program)

        def out():
            j.send("<presence><show>dnd</show></presence>")
            try:
                return self.document(p, d, lambda x: x.show("ID-balcony") == "dnd", 6)
            except Failed:
                return None
        wait_for("juliet's presence after %s" % program, out, 40)
        for i in range(8):
            etag = self.publish(p, ("ID-dr4", "open", "", "<note>%d</note>" % i), etag=etag)
            try:
                self.seen(j, p, None, 4, lambda e: e.findtext("{*}status") == str(i))
                break
            except Failed:
                continue
        else:
            self.fail("romeo's presence does not come after " + program)
        self.assertEqual(d.subscribe(600).status, 200)

    def test_gh_xlate(self):
        self._goes_on("gh-xlate")

    def test_gh_sip(self):
        self._goes_on("gh-sip")

    def test_gh_im(self):
        """SUB-S19: the XMPP side restarts; the SIP side sees no end."""
        j, p = self.juliet(), self.romeo()
        d = self.watched(p, j)
        self.document(p, d, lambda x: x.basic("ID-balcony") == "open")
        self.gh.kill("gh-im")
        with self.assertRaises(Failed):
            p.wait_notify("terminated", 3, d.call_id)
        wait_for("the refresh", lambda: d.subscribe(600).status == 200, 15, 0.5)
