"""The mapping between SIP and XMPP, row by row (ids of the mapping in the tests' names), read from the wire:
the SIP side is played by hand over TLS, the XMPP side by hand too.

RFC 7247 (ADR, ERR), 8048 (SUB, PRE), 7572 (MSG), 3994 (CMP), 5438 (RCP), XEP-0203 (DLY).
"""
import re
import time

from harness import raw
from harness.people import arrived
from harness.place import Failed
from harness.sipbox import PARTNER, SipBox
from harness.sipclient import Dialog, pidf, subscribe

STANZAS = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
COMPOSING = ('<?xml version="1.0" encoding="UTF-8"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">'
             "<state>%s</state>%s</isComposing>")
COMPOSING_TYPE = "application/im-iscomposing+xml"


def rows(table):
    """Class decorator: one test a row of a table {id: arguments}, run by the class's `check`."""
    def make(cls):
        for id_, args in table.items():
            def test(self, args=args):
                self.check(*args)
            test.__name__ = "test_" + id_
            setattr(cls, test.__name__, test)
        return cls
    return make


@rows({
    "ADR_01_percent_decoded": ("sip:f%C3%BC{n}@partner.example", "fü{n}@partner.example"),
    "ADR_02_apostrophe": ("sip:o'malley{n}@partner.example", "o\\27malley{n}@partner.example"),
    "ADR_03_ampersand": ("sip:a&b{n}@partner.example", "a\\26b{n}@partner.example"),
    "ADR_03_slash": ("sip:a/b{n}@partner.example", "a\\2fb{n}@partner.example"),
    "ADR_04_gr_is_the_resource": ("sip:foo{n}@partner.example;gr=bar", "foo{n}@partner.example/bar"),
    "ADR_05_at": ("sip:user%40host{n}@partner.example", "user\\40host{n}@partner.example"),
    "ADR_05_colon_quote_angles": ("sip:a%3Ab%22c%3Cd%3E{n}@partner.example", "a\\3ab\\22c\\3cd\\3e{n}@partner.example"),
    "ADR_05_space": ("sip:a%20b{n}@partner.example", "a\\20b{n}@partner.example"),
    "ADR_06_escape_that_was_there": ("sip:c%5C27x{n}@partner.example", "c\\5c27x{n}@partner.example"),
    "ADR_09_lower_case": ("sip:RoMeO{n}@PARTNER.Example", "romeo{n}@partner.example"),
    "ADR_11_parameters_dropped": ("sip:romeo{n}:secret@partner.example:5061;transport=tls;x=y", "romeo{n}@partner.example"),
    "ADR_12_gr_without_value": ("sip:romeo{n}@partner.example;gr", "romeo{n}@partner.example"),
    "ADR_13_gr_urn": ("sip:romeo{n}@partner.example;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                      "romeo{n}@partner.example/urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    "ADR_14_telephone_number": ("sip:+15551234{n}@partner.example;user=phone", "+15551234{n}@partner.example"),
})
class AddressesFromSip(SipBox):
    """The sender of a MESSAGE, seen by an XMPP user."""

    def check(self, uri, jid):
        j = self.juliet()
        n, text = self.count, "from %d" % self.count
        got = self.ask("x", "MESSAGE", text, to=j, from_="<%s>" % uri.replace("{n}", str(n)))
        self.assertEqual(got.status, 200, got.data)
        self.assertEqual(j.wait_body(text).get("from"), jid.replace("{n}", str(n)))


@rows({
    "ADR_07_space_first": ("sip:%20a@partner.example", None, 400),
    "ADR_08_not_utf8": ("sip:a%FFb@partner.example", None, 400),
    "ADR_08_zero": ("sip:a%00b@partner.example", None, 400),
    "ADR_10_sips": ("sip:romeo@partner.example", "sips:{j}", 416),
    "ADR_14_tel": ("sip:romeo@partner.example", "tel:+15551234", 416),
})
class AddressesRefused(SipBox):
    def check(self, from_, uri, status):
        j = self.juliet()
        got = self.ask("x", "MESSAGE", "refused", uri=(uri or "sip:{j}").replace("{j}", j.bare), from_="<%s>" % from_,
                       to=None, **({} if uri else {}))
        self.assertEqual(got.status, status)
        self.assertTrue(self.nothing_comes(j))


@rows({
    "ADR_16_ampersand": ("m\\26m{n}@partner.example", "sip:m&m{n}@partner.example"),
    "ADR_17_utf8": ("tschüss{n}@partner.example", "sip:tsch%C3%BCss{n}@partner.example"),
    "ADR_18_MSG_X03_resource": ("baz{n}@partner.example/qux", "sip:baz{n}@partner.example;gr=qux"),
    "ADR_19_others": ("a#b%c[d\\e]f^g`h{i|j}{n}@partner.example",
                      "sip:a%23b%25c%5Bd%5Ce%5Df%5Eg%60h%7Bi%7Cj%7D{n}@partner.example"),
    "ADR_20_apostrophe": ("o\\27malley{n}@partner.example", "sip:o'malley{n}@partner.example"),
    "ADR_20_slash": ("a\\2fb{n}@partner.example", "sip:a/b{n}@partner.example"),
    "ADR_21_at": ("user\\40host{n}@partner.example", "sip:user%40host{n}@partner.example"),
    "ADR_21_space": ("a\\20b{n}@partner.example", "sip:a%20b{n}@partner.example"),
    "ADR_21_colon": ("a\\3ab{n}@partner.example", "sip:a%3Ab{n}@partner.example"),
    "ADR_21_backslash": ("c\\5c27x{n}@partner.example", "sip:c%5C27x{n}@partner.example"),
    "ADR_22_resource_space": ("baz{n}@partner.example/café x", "sip:baz{n}@partner.example;gr=caf%C3%A9%20x"),
    "ADR_22_resource_marks": ("baz{n}@partner.example/a;b=c?d@e", "sip:baz{n}@partner.example;gr=a%3Bb%3Dc%3Fd%40e"),
})
class AddressesToSip(SipBox):
    """The Request-URI of what an XMPP user sends."""

    def check(self, jid, uri):
        j = self.juliet()
        n, text = str(self.count), "to %d" % self.count
        j.message(jid.replace("{n}", n).replace("'", "&apos;"), text)
        m = self.sip.wait_request("MESSAGE", want=lambda m: m.body == text)
        self.sip.answer(m, 200)
        self.assertEqual(m.uri, uri.replace("{n}", n))
        self.assertEqual(m.uri_of("to"), m.uri)


@rows({"ERR_S%d" % code: (code, condition, kind) for code, condition, kind in (
    (300, "redirect", "modify"), (380, "not-acceptable", "modify"), (402, "bad-request", "modify"),
    (403, "forbidden", "auth"), (405, "feature-not-implemented", "cancel"), (406, "not-acceptable", "modify"),
    (410, "gone", "cancel"), (413, "policy-violation", "modify"), (414, "policy-violation", "modify"),
    (416, "not-acceptable", "modify"), (420, "feature-not-implemented", "cancel"), (430, "recipient-unavailable", "wait"),
    (440, "policy-violation", "modify"), (481, "item-not-found", "cancel"), (482, "not-acceptable", "modify"),
    (483, "not-acceptable", "modify"), (485, "item-not-found", "cancel"), (486, "recipient-unavailable", "wait"),
    (487, "recipient-unavailable", "wait"), (489, "policy-violation", "modify"), (491, "unexpected-request", "wait"),
    (493, "bad-request", "modify"), (501, "feature-not-implemented", "cancel"), (505, "not-acceptable", "modify"),
    (513, "policy-violation", "modify"), (600, "recipient-unavailable", "wait"), (604, "item-not-found", "cancel"),
    (606, "not-acceptable", "modify"), (499, "bad-request", "modify"), (699, "recipient-unavailable", "wait"))})
class ErrorsFromSip(SipBox):
    """ERR-07, ERR-08, ERR-10, ERR-14, MSG-X06: a partner's refusal as the sender sees it."""

    def check(self, code, condition, kind):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "hi", id_="m1")
        self.sip.answer(self.reaches(r), code, "Because I say so")
        e = j.wait_error("m1")
        self.assertEqual(raw.stanza_error(e), condition)
        self.assertEqual(e.find("{*}error").get("type"), kind)
        self.assertEqual(e.get("from"), "%s@%s" % (r, PARTNER))
        self.assertEqual(raw.stanza_error_text(e), "Because I say so")
        self.assertIsNone(e.find("{*}body"), "ERR-14: the original's children are left out")

    def test_ERR_09_moved_for_good(self):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "hi", id_="m1")
        self.sip.answer(self.reaches(r), 301, "Moved Permanently", ["Contact: <sip:new@partner.example>"])
        gone = j.wait_error("m1").find(".//{*}gone")
        self.assertEqual(gone.text, "xmpp:new@partner.example")

    def test_MSG_X16_redirected_elsewhere(self):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "hi", id_="m1")
        self.sip.answer(self.reaches(r), 302, headers=["Contact: <sip:x@elsewhere.example>"])
        self.assertEqual(raw.stanza_error(j.wait_error("m1")), "redirect")

    def test_ERR_13_an_error_is_not_answered(self):
        j, r = self.juliet(), self.romeo()
        j.send("<message type='error' id='e1' to='%s@%s'><error type='cancel'><gone %s/></error></message>" % (
            r, PARTNER, STANZAS))
        self.assertTrue(self.nothing_reaches(r))
        self.assertTrue(self.nothing_comes(j))


@rows({"ERR_X_" + condition.replace("-", "_"): (condition, status) for condition, status in (
    ("bad-request", 400), ("conflict", 400), ("feature-not-implemented", 501), ("forbidden", 603),
    ("internal-server-error", 500), ("item-not-found", 604), ("jid-malformed", 400), ("not-acceptable", 606),
    ("not-allowed", 403), ("not-authorized", 401), ("policy-violation", 403), ("recipient-unavailable", 600),
    ("registration-required", 407), ("remote-server-not-found", 404), ("resource-constraint", 500), ("service-unavailable", 403), ("subscription-required", 400),
    ("undefined-condition", 400), ("unexpected-request", 400))})
class ErrorsFromXmpp(SipBox):
    """ERR-01, ERR-04 with MSG-S19: the answer to a MESSAGE waits for the user's own client to refuse it."""
    peer = {"hold-answer": "on"}

    def refuse(self, error):
        j, r = self.juliet(), self.romeo()
        text = self.sip.compose("MESSAGE", "sip:" + j.bare, user=r, body="well?")
        self.sip.send(text)
        m = j.wait_body("well?")
        j.send("<message type='error' id='%s' to='%s'><error type='cancel'>%s</error></message>" % (
            m.get("id"), m.get("from"), error))
        return self.sip.final(text)

    def check(self, condition, status):
        self.assertEqual(self.refuse("<%s %s/>" % (condition, STANZAS)).status, status)

    def test_ERR_X_remote_server_timeout_is_silence(self):
        """The mapping says 408, RFC 4320 4.2 forbids it for anything but INVITE: nothing is sent."""
        with self.assertRaises(Failed):
            self.refuse("<remote-server-timeout %s/>" % STANZAS)

    def test_ERR_02_gone_to(self):
        got = self.refuse("<gone %s>sip:new@near.example</gone>" % STANZAS)
        self.assertEqual((got.status, got.uri_of("contact")), (301, "sip:new@near.example"))

    def test_ERR_02_gone(self):
        self.assertEqual(self.refuse("<gone %s/>" % STANZAS).status, 410)

    def test_ERR_03_redirect(self):
        got = self.refuse("<redirect %s>xmpp:new@near.example</redirect>" % STANZAS)
        self.assertEqual((got.status, got.uri_of("contact")), (302, "sip:new@near.example"))

    def test_ERR_06_text_is_the_reason(self):
        got = self.refuse("<not-acceptable %s/><text %s xml:lang='en'>No\nthanks</text>" % (STANZAS, STANZAS))
        self.assertEqual(got.status, 606)
        self.assertRegex(got.reason, "^No ?thanks$")


class Watching(SipBox):
    """SUB-X: an XMPP user watches a SIP user (RFC 8048 5.2)."""

    def test_SUB_X01_request(self):
        j, r = self.juliet(), self.romeo()
        j.send("<presence to='%s@%s' type='subscribe'/>" % (r, PARTNER))
        m = self.reaches(r, "SUBSCRIBE")
        self.assertEqual(m.uri, "sip:%s@%s" % (r, PARTNER))
        self.assertEqual((m.get("event"), m.get("expires")), ("presence", "3600"))
        self.assertIn("application/pidf+xml", m.get("accept"))
        self.assertEqual(m.uri_of("from"), "sip:" + j.bare)
        self.assertTrue(m.tag_of("from"))
        self.assertIsNone(m.tag_of("to"))
        self.assertIn(m.get("max-forwards"), ("70", "69"))
        self.assertTrue(m.uri_of("contact").startswith("sip:"))
        self.sip.answer(m, 403)

    def test_SUB_X02_pending_says_nothing_and_X03_active_once(self):
        j, r = self.juliet(), self.romeo()
        d = self.watches(j, r)
        self.assertEqual(d.notify("pending;expires=3600").status, 200)
        self.assertTrue(self.nothing_comes(j))
        self.assertEqual(d.notify("active;expires=3600").status, 200)
        self.presence(j, r, "subscribed")
        self.assertEqual(d.notify("active;expires=3500").status, 200)
        with self.assertRaises(Failed):
            self.presence(j, r, "subscribed", 1)

    def test_SUB_X04_first_document(self):
        j, r = self.juliet(), self.romeo()
        d = self.watches(j, r)
        d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("ID-dr4", "open")))
        self.presence(j, r, "subscribed")
        self.assertEqual(self.presence(j, r).get("from"), "%s@%s/dr4" % (r, PARTNER))

    def test_SUB_X05_notify_before_the_answer(self):
        j, r = self.juliet(), self.romeo()
        j.send("<presence to='%s@%s' type='subscribe'/>" % (r, PARTNER))
        m = self.reaches(r, "SUBSCRIBE")
        m.local_tag = "early%d" % self.count
        d = Dialog.taken(self.sip, r, m)
        self.assertEqual(d.notify("active;expires=3600").status, 200)
        self.sip.answer(m, 200, headers=["Expires: 3600", self.sip.contact(r)])
        self.presence(j, r, "subscribed")

    def test_SUB_X06_forked(self):
        j, r = self.juliet(), self.romeo()
        d = self.watches(j, r)
        d.notify("active;expires=3600")
        self.presence(j, r, "subscribed")
        other = Dialog(self.sip, r)
        other.__dict__.update(d.__dict__, local_tag="fork", cseq=0)
        self.assertEqual(other.notify("active;expires=3600").status, 200)
        end = self.sip.wait_request("SUBSCRIBE", want=lambda m: m.tag_of("to") == "fork")
        self.assertEqual(end.get("expires"), "0")
        self.sip.answer(end, 200, headers=["Expires: 0"])

    def _refused(self, status):
        j, r = self.juliet(), self.romeo()
        self.watches(j, r, status)
        self.presence(j, r, "unsubscribed")
        self.assertTrue(self.nothing_reaches(r))

    def test_SUB_X07_403(self):
        self._refused(403)

    def test_SUB_X07_489(self):
        self._refused(489)

    def test_SUB_X07_603(self):
        self._refused(603)

    def test_SUB_X08_interval_too_brief(self):
        j, r = self.juliet(), self.romeo()
        self.watches(j, r, 423, ["Min-Expires: 7200"])
        m = self.reaches(r, "SUBSCRIBE")
        self.assertEqual(m.get("expires"), "7200")
        self.sip.answer(m, 200, headers=["Expires: 7200", self.sip.contact(r)])
        self.assertEqual(Dialog.taken(self.sip, r, m).notify("active;expires=7200").status, 200)
        self.presence(j, r, "subscribed")

    def test_SUB_X10_unknown_user(self):
        j, r = self.juliet(), self.romeo()
        self.watches(j, r, 404)
        self.assertEqual(raw.stanza_error(self.presence(j, r, "error")), "item-not-found")

    def test_SUB_X15_unsubscribe(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        j.send("<presence to='%s@%s' type='unsubscribe'/>" % (r, PARTNER))
        m = self.sip.wait_request("SUBSCRIBE", want=lambda m: m.get("call-id") == d.call_id)
        self.assertEqual((m.get("expires"), m.tag_of("to")), ("0", d.local_tag))
        self.sip.answer(m, 200, headers=["Expires: 0"])
        self.assertEqual(d.notify("terminated;reason=timeout").status, 200)
        # Her own server has dealt with the roster already (RFC 6121 3.3.2): it drops an `unsubscribed` now.
        self.assertTrue(self.nothing_reaches(r))

    def test_SUB_X17_rejected(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("ID-dr4", "open")))
        self.presence(j, r)
        self.assertEqual(d.notify("terminated;reason=rejected").status, 200)
        self.presence(j, r, "unavailable")
        self.presence(j, r, "unsubscribed")
        self.assertTrue(self.nothing_reaches(r))

    def _again(self, state):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        self.assertEqual(d.notify(state).status, 200)
        m = self.reaches(r, "SUBSCRIBE")
        self.assertIsNone(m.tag_of("to"))
        self.sip.answer(m, 200, headers=["Expires: 3600", self.sip.contact(r)])
        with self.assertRaises(Failed):
            self.presence(j, r, "unsubscribed", 1)

    def test_SUB_X18_deactivated(self):
        self._again("terminated;reason=deactivated")

    def test_SUB_X18_timeout(self):
        self._again("terminated;reason=timeout")

    def test_SUB_X19_probation(self):
        self._again("terminated;reason=probation;retry-after=1")

    def test_SUB_X19_giveup(self):
        self._again("terminated;reason=giveup;retry-after=1")

    def test_SUB_X20_noresource(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        d.notify("terminated;reason=noresource")
        self.presence(j, r, "unsubscribed")
        self.assertTrue(self.nothing_reaches(r))

    def test_SUB_X21_invariant(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("ID-dr4", "open")))
        self.presence(j, r)
        self.assertEqual(d.notify("terminated;reason=invariant").status, 200)
        self.assertTrue(self.nothing_reaches(r))
        self.assertTrue(self.nothing_comes(j))

    def test_SUB_X22_unknown_dialog(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        d.call_id = "nobody-knows@it"
        self.assertEqual(d.notify("active;expires=60").status, 481)

    def test_SUB_X23_old_notify(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        d.cseq = 10
        self.assertEqual(d.notify("active;expires=3600").status, 200)
        d.cseq = 5
        self.assertEqual(d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("ID-dr4", "open"))).status, 500)
        with self.assertRaises(Failed):
            self.presence(j, r, None, 1)

    def test_SUB_X24_unknown_body(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        self.assertEqual(d.notify("active;expires=3600", "hello", content_type="text/plain").status, 415)
        self.assertEqual(d.notify("active;expires=3600", "<presence><tuple>").status, 400)
        self.assertEqual(d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("ID-dr4", "open"))).status, 200)
        self.presence(j, r)


class Refreshing(SipBox):
    """SUB-X09, X12 to X14: the life of a subscription that outlives its dialog."""
    IS_LONG = True

    def keeps(self, j):
        """Her authorisation stands, and nobody tells her anything."""
        self.assertEqual([e for e in arrived(j) if e.get("type") in ("unsubscribed", "subscribed", "error")], [])

    def test_SUB_X13_refresh_at_half(self):
        j, r = self.juliet(), self.romeo()
        d = self.watches(j, r, headers=["Expires: 22"])
        began = time.monotonic()
        d.notify("active;expires=22")
        self.presence(j, r, "subscribed")
        m = self.sip.wait_request("SUBSCRIBE", 20, lambda m: m.get("call-id") == d.call_id)
        self.assertTrue(10 <= time.monotonic() - began <= 16, "refreshed after %.1f s" % (time.monotonic() - began))
        self.assertEqual(m.tag_of("to"), d.local_tag)
        self.sip.answer(m, 200, headers=["Expires: 3600"])
        self.keeps(j)

    def test_SUB_X13_short(self):
        """However short the partner's expiry is: not more often than every 5 s."""
        j, r = self.juliet(), self.romeo()
        d = self.watches(j, r, headers=["Expires: 8"])
        began = time.monotonic()
        d.notify("active;expires=8")
        self.presence(j, r, "subscribed")
        m = self.sip.wait_request("SUBSCRIBE", 8, lambda m: m.get("call-id") == d.call_id)
        self.assertTrue(4.5 <= time.monotonic() - began <= 7.5, "refreshed after %.1f s" % (time.monotonic() - began))
        self.assertEqual(m.tag_of("to"), d.local_tag)
        self.sip.answer(m, 200, headers=["Expires: 3600"])
        self.keeps(j)

    def test_SUB_P01_known_is_told_at_once(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("ID-dr4", "open", "", "<note>here</note>")))
        self.presence(j, r)
        time.sleep(1)  # a probe that is sent while programs of a new box still start is lost
        other = self.again(j, "orchard")
        p = self.presence(other, r)  # no NOTIFY has come meanwhile
        self.assertEqual((p.get("from"), p.findtext("{*}status")), ("%s@%s/dr4" % (r, PARTNER), "here"))
        other.close()

    def test_SUB_X11_partner_is_not_well(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("ID-dr4", "open")))
        self.presence(j, r)
        time.sleep(5.5)
        other = self.again(j, "orchard")
        self.sip.answer(self.reaches(r, "SUBSCRIBE"), 480, headers=["Retry-After: 2"])
        self.assertEqual(self.presence(j, r, "unavailable").get("from"), "%s@%s/dr4" % (r, PARTNER))
        m = self.reaches(r, "SUBSCRIBE")
        self.sip.answer(m, 200, headers=["Expires: 3600", self.sip.contact(r)])
        self.keeps(j)
        other.close()

    def test_SUB_X16_no_dialog(self):
        j, r = self.juliet(), self.romeo()
        self.watches(j, r, 480, ["Retry-After: 2"])
        j.send("<presence to='%s@%s' type='unsubscribe'/>" % (r, PARTNER))
        self.assertTrue(self.nothing_reaches(r, 3))

    def test_SUB_X14_nobody_is_there(self):
        j, r = self.juliet(), self.romeo()
        self.watched(r, j)  # her server tells the gateway that she goes only if he watches her too
        d = self.sees(j, r)
        j.send("<presence type='unavailable'/>")
        began = time.monotonic()
        m = self.sip.wait_request("SUBSCRIBE", 75, lambda m: m.get("call-id") == d.call_id)
        self.assertTrue(50 <= time.monotonic() - began, "ended after %.1f s" % (time.monotonic() - began))
        self.assertEqual((m.get("expires"), m.tag_of("to")), ("0", d.local_tag))
        self.sip.answer(m, 200, headers=["Expires: 0"])
        d.notify("terminated;reason=timeout")
        self.assertTrue(self.sip.quiet(1, lambda m: m.is_request and m.method == "SUBSCRIBE" and r in m.uri))
        j.send("<presence/>")  # the authorisation stands: she asks for it anew
        m = self.reaches(r, "SUBSCRIBE")
        self.assertIsNone(m.tag_of("to"))
        self.sip.answer(m, 200, headers=["Expires: 3600", self.sip.contact(r)])
        self.keeps(j)

    def test_SUB_X09_dialog_unknown_at_refresh(self):
        j, r = self.juliet(), self.romeo()
        d = self.watches(j, r, headers=["Expires: 20"])
        d.notify("active;expires=20")
        self.presence(j, r, "subscribed")
        m = self.sip.wait_request("SUBSCRIBE", 18, lambda m: m.get("call-id") == d.call_id)
        self.sip.answer(m, 481)
        new = self.reaches(r, "SUBSCRIBE")
        self.assertIsNone(new.tag_of("to"))
        self.sip.answer(new, 200, headers=["Expires: 3600", self.sip.contact(r)])
        self.assertEqual(Dialog.taken(self.sip, r, new).notify("active;expires=3600").status, 200)
        self.keeps(j)

    def test_SUB_X12_login_asks_anew(self):
        j, r = self.juliet(), self.romeo()
        self.sees(j, r)
        time.sleep(5.5)  # two resources within 5 s are one refresh
        other = self.again(j, "orchard")
        m = self.reaches(r, "SUBSCRIBE")
        self.assertEqual(m.uri_of("from").split(";")[0], "sip:" + j.bare)
        self.sip.answer(m, 200, headers=["Expires: 3600", self.sip.contact(r)])
        other.close()


class Watched(SipBox):
    """SUB-S: a SIP user watches an XMPP user (RFC 8048 5.3)."""

    def test_SUB_S01_first_answer(self):
        j, r = self.juliet(), self.romeo()
        got, d = subscribe(self.sip, "sip:" + j.bare, user=r, headers=["Expires: -"])
        self.assertEqual((got.status, got.get("expires")), (200, "3600"))
        self.assertTrue(got.tag_of("to"))
        n = self.sip.wait_notify(call_id=d.call_id)
        self.assertEqual((n.state, n.body), ("pending", ""))
        s = j.wait(lambda e: e.get("type") == "subscribe", 5, "subscribe")
        self.assertEqual((s.get("from"), s.get("to")), ("%s@%s" % (r, PARTNER), j.bare))

    def test_BUG_02_notify_in_the_dialog(self):
        j, r = self.juliet(), self.romeo()
        got, d = subscribe(self.sip, "sip:" + j.bare, user=r)
        n = self.sip.wait_notify(call_id=d.call_id)
        self.assertEqual(n.uri, re.search("<(.*)>", self.sip.contact(r)).group(1))
        self.assertEqual((n.uri_of("from"), n.tag_of("from")), ("sip:" + j.bare, got.tag_of("to")))
        self.assertEqual((n.uri_of("to"), n.tag_of("to")), ("sip:%s@%s" % (r, PARTNER), d.local_tag))

    def test_SUB_S02_subscribed(self):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j)
        n = self.sip.wait_notify("active", call_id=d.call_id)
        self.assertRegex(n.get("subscription-state"), r"active;\s*expires=3[56]\d\d")

    def test_SUB_S03_refused_while_pending(self):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j, state="pending")
        j.send("<presence to='%s@%s' type='unsubscribed'/>" % (r, PARTNER))
        n = self.sip.wait_notify("terminated", call_id=d.call_id)
        self.assertIn("reason=rejected", n.get("subscription-state"))
        self.assertEqual(n.body, "")

    def test_SUB_S04_withdrawn(self):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j)
        self.sip.wait_notify("active", call_id=d.call_id)
        j.send("<presence to='%s@%s' type='unsubscribed'/>" % (r, PARTNER))
        n = self.sip.wait_notify("terminated", call_id=d.call_id)
        self.assertIn("reason=rejected", n.get("subscription-state"))
        self.assertNotIn("<basic>open", n.body)

    def test_SUB_S05_refresh(self):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j)
        self.document(d)
        self.assertEqual(d.subscribe(3600).status, 200)
        p = self.document(d)
        self.assertEqual(p.basic("ID-balcony"), "open")
        with self.assertRaises(Failed):
            j.wait(lambda e: e.get("type") == "subscribe", 1)

    def test_SUB_S06_ended(self):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j)
        self.sip.wait_notify("active", call_id=d.call_id)
        self.assertEqual(d.subscribe(0).status, 200)
        n = self.sip.wait_notify("terminated", call_id=d.call_id)
        self.assertIn("reason=timeout", n.get("subscription-state"))
        self.assertNotIn("<basic>open", n.body)
        self.presence(j, r, "unavailable")

    def test_SUB_S07_runs_out(self):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j, expires=60)
        self.document(d)
        n = self.sip.wait_notify("terminated", 80, d.call_id)
        self.assertIn("reason=timeout", n.get("subscription-state"))
        self.assertNotIn("<basic>open", n.body)
        self.presence(j, r, "unavailable")
        self.assertEqual(d.subscribe(3600).status, 481)

    def _fails(self, condition, kind, want):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j, state="pending")
        j.send("<presence to='%s@%s' type='error'><error type='%s'><%s %s/></error></presence>" % (r, PARTNER, kind, condition, STANZAS))
        n = self.sip.wait_notify("terminated", call_id=d.call_id)
        self.assertIn(want, n.get("subscription-state"))

    def test_SUB_S13_not_found(self):
        self._fails("item-not-found", "cancel", "reason=noresource")

    def test_SUB_S13_forbidden(self):
        self._fails("forbidden", "auth", "reason=rejected")

    def test_SUB_S13_later(self):
        self._fails("resource-constraint", "wait", "reason=giveup;retry-after=300")

    def test_ADR_29_contact_of_lync(self):
        j, r = self.juliet(), self.romeo()
        uri = "sip:%s@%s;opaque=user:epid:Xy_1;gruu" % (r, PARTNER)
        got, d = subscribe(self.sip, "sip:" + j.bare, user=r, headers=["Contact: <%s>" % uri])
        self.assertEqual(got.status, 200)
        self.assertEqual(self.sip.wait_notify(call_id=d.call_id).uri, uri)

    def test_SUB_S08_too_brief(self):
        j, r = self.juliet(), self.romeo()
        got, _ = subscribe(self.sip, "sip:" + j.bare, user=r, expires=10)
        self.assertEqual(got.status, 423)
        self.assertTrue(10 < int(got.get("min-expires")) <= 3600)

    def test_SUB_S09_too_long(self):
        j, r = self.juliet(), self.romeo()
        got, _ = subscribe(self.sip, "sip:" + j.bare, user=r, expires=10000000)
        self.assertEqual((got.status, got.get("expires")), (200, "86400"))

    def test_SUB_S10_unknown_dialog(self):
        j, r = self.juliet(), self.romeo()
        got, _ = subscribe(self.sip, "sip:" + j.bare, user=r, to_tag="nobody")
        self.assertEqual(got.status, 481)

    def test_SUB_S11_event_missing(self):
        j, r = self.juliet(), self.romeo()
        got, _ = subscribe(self.sip, "sip:" + j.bare, user=r, headers=["Event: -"])
        self.assertIn(got.status, (400, 489))
        if got.status == 489:
            self.assertEqual(got.get("allow-events"), "presence")

    def test_SUB_S11_S16_other_events(self):
        for event in ("dialog", "presence.winfo"):
            got, _ = subscribe(self.sip, "sip:" + self.juliet().bare, user=self.romeo(), headers=["Event: " + event])
            self.assertEqual((got.status, got.get("allow-events")), (489, "presence"), event)

    def test_SUB_S12_accept(self):
        j, r = self.juliet(), self.romeo()
        got, _ = subscribe(self.sip, "sip:" + j.bare, user=r, headers=["Accept: application/cpim-pidf+xml"])
        self.assertEqual(got.status, 406)

    def test_SUB_S12_accept_missing(self):
        got, _ = subscribe(self.sip, "sip:" + self.juliet().bare, user=self.romeo(), headers=["Accept: -"])
        self.assertEqual(got.status, 200)

    def test_SUB_S14_notify_refused(self):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j)
        self.sip.wait_notify("active", call_id=d.call_id)
        self.sip.auto = {"NOTIFY": 481}
        j.send("<presence><show>away</show></presence>")
        self.presence(j, r, "unavailable", 10)
        self.assertEqual(d.subscribe(3600).status, 481)

    def test_SUB_S15_two_dialogs(self):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j)
        self.document(d)
        got, e = subscribe(self.sip, "sip:" + j.bare, user=r)
        self.assertEqual(got.status, 200)
        self.document(e)
        j.send("<presence><show>dnd</show></presence>")
        for x in (d, e):
            self.document(x, lambda p: p.show("ID-balcony") == "dnd", 12)
        with self.assertRaises(Failed):
            j.wait(lambda e: e.get("type") == "subscribe", 0.5)

    def test_SUB_S17_event_list(self):
        got, _ = subscribe(self.sip, "sip:" + self.juliet().bare, user=self.romeo(), headers=["Supported: eventlist"])
        self.assertEqual(got.status, 200)
        self.assertNotIn("eventlist", got.get("require", ""))

    def test_SUB_S18_publish(self):
        j, r = self.juliet(), self.romeo()
        got = self.ask(r, "PUBLISH", pidf(j.bare, ("a", "open")), to=j, headers=["Event: presence", "Expires: 600"],
                       content_type="application/pidf+xml")
        self.assertEqual(got.status, 403)

    def test_SUB_P02_fetch_unknown(self):
        j, r = self.juliet(), self.romeo()
        got, d = subscribe(self.sip, "sip:" + j.bare, user=r, expires=0)
        self.assertEqual(got.status, 200)
        n = self.sip.wait_notify("terminated", 8, d.call_id)
        self.assertIn("reason=timeout", n.get("subscription-state"))
        self.assertNotIn("<basic>open", n.body, "a stranger's fetch tells nothing")

    def test_SUB_P03_no_leak(self):
        j, r, stranger = self.juliet(), self.romeo(), self.romeo()
        d = self.watched(r, j)
        self.document(d)
        e = self.watched(stranger, j, state="pending")
        j.send("<presence to='%s@%s'><show>xa</show></presence>" % (r, PARTNER))
        self.document(d, lambda p: p.show("ID-balcony") == "xa", 12)
        self.assertTrue(self.sip.quiet(1, lambda m: m.get("call-id") == e.call_id and m.body))


class PresenceToSip(SipBox):
    """PRE-X: an XMPP user's presence as PIDF on the SIP wire (RFC 8048 6)."""

    def change(self, stanza, want, resource="balcony"):
        """The document that a watcher gets when juliet says this."""
        j, r = self.juliet(resource), self.romeo()
        d = self.watched(r, j)
        self.document(d)
        j.send(stanza)
        return j, d, self.document(d, want, 12)

    def test_PRE_X01_X03_X04_available(self):
        j, r = self.juliet(), self.romeo()
        p = self.document(self.watched(r, j))
        self.assertEqual(p.entity, "pres:" + j.bare)
        self.assertEqual((list(p.tuples), p.basic("ID-balcony")), (["ID-balcony"], "open"))
        self.assertTrue(p.notify.get("content-type").startswith("application/pidf+xml"))

    def test_PRE_X02_X12_unavailable(self):
        j, d, p = self.change("<presence type='unavailable'/>", lambda p: p.basic("ID-balcony") == "closed")
        self.assertIsNone(p.show("ID-balcony"))
        self.assertIsNone(p.priority("ID-balcony"))

    def test_PRE_X03_space(self):
        j, r = self.juliet("home desk"), self.romeo()
        self.assertEqual(list(self.document(self.watched(r, j)).tuples), ["ID-home_20desk"])

    def test_PRE_X05_X10_language_and_note(self):
        j, d, p = self.change("<presence xml:lang='cs'><status>V hovoru</status></presence>", lambda p: p.notes())
        self.assertEqual(p.notify.get("content-language"), "cs")
        self.assertIn(("cs", "V hovoru"), p.notes())

    def test_PRE_X06_negative_priority(self):
        j, d, p = self.change("<presence><show>away</show><priority>-5</priority></presence>",
                              lambda p: p.show("ID-balcony") == "away")
        self.assertIsNone(p.priority("ID-balcony"))

    def test_PRE_X07_priority(self):
        j, d, p = self.change("<presence><priority>126</priority></presence>", lambda p: p.priority("ID-balcony"))
        self.assertEqual(p.priority("ID-balcony"), "0.992")

    def _show(self, show, activities):
        j, d, p = self.change("<presence><show>%s</show></presence>" % show, lambda p: p.show("ID-balcony") == show)
        self.assertEqual(p.basic("ID-balcony"), "open")
        self.assertEqual(p.activities(), activities)

    def test_PRE_X08_X09_away(self):
        self._show("away", ["away"])

    def test_PRE_X08_X09_dnd(self):
        self._show("dnd", ["busy"])

    def test_PRE_X08_X09_xa(self):
        self._show("xa", ["away"])

    def test_PRE_X08_X09_chat(self):
        self._show("chat", [])

    def test_PRE_X11_three_resources(self):
        j, r = self.juliet("balcony"), self.romeo()
        self.again(j, "garden")
        self.again(j, "1phone")
        p = self.document(self.watched(r, j), lambda p: len(p.tuples) == 3, 12)
        self.assertEqual(sorted(p.tuples), ["ID-1phone", "ID-balcony", "ID-garden"])

    def test_PRE_X13_changes_in_a_burst(self):
        j, r = self.juliet(), self.romeo()
        d = self.watched(r, j)
        self.document(d)
        for i in range(20):
            j.send("<presence><status>%d</status></presence>" % i)
        self.document(d, lambda p: any(t == "19" for _, t in p.notes()), 12)
        seen = [m for m in self.sip.got if m.is_request and m.method == "NOTIFY" and m.get("call-id") == d.call_id]
        self.assertLess(len(seen), 4)

    def test_PRE_X15_only_what_is_known(self):
        j, d, p = self.change("<presence><show>away</show><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' "
                              "ver='v'/><x xmlns='vcard-temp:x:update'><photo>abc</photo></x></presence>",
                              lambda p: p.show("ID-balcony") == "away")
        for word in ("caps", "vcard", "photo"):
            self.assertNotIn(word, p.notify.body)

    def test_PRE_X16_shape(self):
        j, d, p = self.change("<presence><show>dnd</show><status>Busy &amp; &lt;so&gt;</status><priority>5</priority></presence>",
                              lambda p: p.show("ID-balcony") == "dnd")
        self.assertIn("Busy & <so>", [t for _, t in p.notes()])
        for t in p.tuples.values():
            self.assertLessEqual(len([c for c in t if raw.local(c.tag) == "contact"]), 1)
        kinds = [raw.local(e.tag) for e in p.root]
        if "note" in kinds:
            self.assertGreater(kinds.index("note"), kinds.index("tuple"))


class PresenceFromSip(SipBox):
    """PRE-S: a SIP user's PIDF as XMPP presence."""

    def shown(self, *tuples, more="", kind=None, headers=()):
        """(stream, romeo's address, dialog, the presence that this document makes)."""
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        got = d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), *tuples, more=more), headers=headers)
        self.assertEqual(got.status, 200)
        return j, r, d, self.presence(j, r, kind)

    def test_PRE_S01_S03_open(self):
        j, r, d, p = self.shown(("ID-dr4", "open"))
        self.assertEqual((p.get("from"), p.get("to").split("/")[0]), ("%s@%s/dr4" % (r, PARTNER), j.bare))

    def test_PRE_S02_closed(self):
        j, r, d, _ = self.shown(("ID-dr4", "open"))
        d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("ID-dr4", "closed")))
        self.assertEqual(self.presence(j, r, "unavailable").get("from"), "%s@%s/dr4" % (r, PARTNER))

    def test_PRE_S03_two_tuples_any_id(self):
        j, r, d, p = self.shown(("ID-dr4", "open"), ("t7", "open"))
        other = self.presence(j, r)
        self.assertEqual({p.get("from"), other.get("from")}, {"%s@%s/%s" % (r, PARTNER, x) for x in ("dr4", "t7")})

    def test_PRE_S03_one_id_twice(self):
        """A presence server that joins what several devices of one user published."""
        j, r, d, p = self.shown(("a", "open"), ("a", "open"))
        self.assertEqual(p.get("from"), "%s@%s/a" % (r, PARTNER))

    def test_PRE_S04_language(self):
        j, r, d, p = self.shown(("ID-dr4", "open", "", "<note>Ahoj</note>"), headers=["Content-Language: cs"])
        self.assertEqual(p.get("{http://www.w3.org/XML/1998/namespace}lang"), "cs")

    def test_PRE_S05_priority(self):
        for value, want in (("0.007", "1"), ("0.5", "64"), ("1", "127")):
            j, r, d, p = self.shown(("ID-dr4", "open", "", '<contact priority="%s">sip:x@partner.example</contact>' % value))
            self.assertEqual(p.findtext("{*}priority"), want)

    def test_PRE_S06_notes(self):
        j, r, d, p = self.shown(("ID-dr4", "open", "", "<note>in the tuple</note>"), more="<note>in the document</note>")
        self.assertEqual(p.findtext("{*}status"), "in the tuple")
        j, r, d, p = self.shown(("ID-dr4", "open"), more="<note>in the document</note>")
        self.assertEqual(p.findtext("{*}status"), "in the document")

    def test_PRE_S07_show(self):
        for show in ("chat", "away", "xa", "dnd"):
            j, r, d, p = self.shown(("ID-dr4", "open", "<show xmlns='jabber:client'>%s</show>" % show))
            self.assertEqual(p.findtext("{*}show"), show)
        j, r, d, p = self.shown(("ID-dr4", "open", "<show xmlns='jabber:client'>sleepy</show>"))
        self.assertIsNone(p.findtext("{*}show"))

    def _activity(self, names, show):
        for name in names:
            j, r, d, p = self.shown(("ID-dr4", "open"), more='<dm:person id="p"><rpid:activities><rpid:%s/></rpid:activities>'
                                                             "</dm:person>" % name)
            self.assertEqual(p.findtext("{*}show"), show, name)

    def test_PRE_S08_busy(self):
        self._activity(("busy", "on-the-phone", "meeting"), "dnd")

    def test_PRE_S09_away(self):
        self._activity(("away", "lunch", "in-transit"), "away")

    def test_PRE_S10_xa(self):
        self._activity(("vacation", "holiday"), "xa")

    def test_PRE_S11_others(self):
        j, r, d, p = self.shown(("ID-dr4", "open"), more='<dm:person id="p"><rpid:activities><rpid:working/></rpid:activities>'
                                                         "</dm:person>")
        self.assertEqual((p.findtext("{*}show"), p.findtext("{*}status")), (None, "working"))

    def test_PRE_S12_person_over_all_tuples(self):
        j, r, d, p = self.shown(("a", "open"), ("b", "open"),
                                more='<dm:person id="p"><rpid:activities><rpid:busy/></rpid:activities></dm:person>')
        self.assertEqual([x.findtext("{*}show") for x in (p, self.presence(j, r))], ["dnd", "dnd"])

    def test_PRE_S13_tuple_missing(self):
        j, r, d, _ = self.shown(("a", "open"), ("b", "open"))
        self.presence(j, r)
        d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("a", "open")))
        self.assertEqual(self.presence(j, r, "unavailable").get("from"), "%s@%s/b" % (r, PARTNER))

    def test_PRE_S14_S15_nothing_new(self):
        j, r, d, _ = self.shown(("a", "open"))
        self.assertTrue(self.nothing_comes(j))
        d.notify("active;expires=3600")
        d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("a", "open")))
        self.assertTrue(self.nothing_comes(j))

    def test_PRE_S16_without_basic(self):
        j, r, d, p = self.shown(("a", None, "<show xmlns='jabber:client'>away</show>"))
        self.assertEqual(p.findtext("{*}show"), "away")

    def test_PRE_S17_diff(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        got = d.notify("active;expires=3600", "<x/>", content_type="application/pidf-diff+xml")
        self.assertEqual(got.status, 415)

    def test_PRE_S01_with_comments(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        text = pidf("%s@%s" % (r, PARTNER), ("a", "open", "", "<note>at <!-- no -->home</note>"), more="<!-- <note>no</note> -->")
        self.assertEqual(d.notify("active;expires=3600", text + "\r\n<!-- end -->\r\n").status, 200)
        self.assertEqual(self.presence(j, r).findtext("{*}status"), "at home")

    def test_PRE_S19_bombs(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        bomb = ('<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
                '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:x@y"><note>&b;</note></presence>')
        self.assertEqual(d.notify("active;expires=3600", bomb).status, 400)
        self.assertEqual(d.notify("active;expires=3600", "<a>" * 15000).status, 400)
        d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("a", "open")))
        self.presence(j, r)


    def test_PRE_S20_older(self):
        j, r, d, p = self.shown(("a", "open", "", "<note>new</note><timestamp>2026-01-02T03:04:05Z</timestamp>"))
        old = ("a", "open", "", "<note>old</note><timestamp>2026-01-02T03:04:04Z</timestamp>")
        self.assertEqual(d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), old)).status, 200)
        self.assertTrue(self.nothing_comes(j))


class PresenceOfLync(SipBox):
    peer = {"type": "lync"}

    def test_PRE_S18_notes(self):
        j, r = self.juliet(), self.romeo()
        d = self.sees(j, r)
        for note, show in (("Be right back", "away"), ("In a Meeting", "dnd")):
            d.notify("active;expires=3600", pidf("%s@%s" % (r, PARTNER), ("a", "open", "", "<note>%s</note>" % note)))
            p = self.presence(j, r)
            self.assertEqual((p.findtext("{*}show"), p.findtext("{*}status")), (show, note))


class MessagesToSip(SipBox):
    """MSG-X: page mode, XMPP to SIP (RFC 7572 4)."""

    def sent(self, stanza, answer=200, name=None):
        """(stream, what came to the partner) for a message with {to} in it."""
        j, r = self.juliet(), name or self.romeo()
        j.send(stanza.replace("{to}", "%s@%s" % (r, PARTNER)))
        m = self.reaches(r)
        if answer:
            self.sip.answer(m, answer)
        return j, m

    def test_MSG_X01_X02_body_and_sender(self):
        j, m = self.sent("<message to='{to}' type='chat'><body>Tschüss &amp; &lt;bye&gt;</body></message>")
        self.assertEqual(m.body, "Tschüss & <bye>")
        self.assertRegex(m.get("content-type"), r"(?i)^text/plain(;\s*charset=\"?utf-8\"?)?$")
        self.assertEqual(m.uri_of("from"), "sip:%s;gr=balcony" % j.bare)
        self.assertTrue(m.tag_of("from"))
        self.assertIsNone(m.get("contact"))

    def test_MSG_X04_thread(self):
        j, r = self.juliet(), self.romeo()
        got = []
        for text in ("one", "two"):
            j.send("<message to='%s@%s' type='chat'><thread>T 1</thread><body>%s</body></message>" % (r, PARTNER, text))
            got.append(self.reaches(r))
            self.sip.answer(got[-1], 200)
        a, b = got
        self.assertEqual((a.get("call-id"), a.tag_of("from")), (b.get("call-id"), b.tag_of("from")))
        self.assertEqual(b.cseq, a.cseq + 1)
        self.assertNotIn(" ", a.get("call-id"))
        k = self.juliet()
        k.send("<message to='%s@%s' type='chat'><thread>T 1</thread><body>mine</body></message>" % (r, PARTNER))
        c = self.reaches(r)
        self.sip.answer(c, 200)
        self.assertNotEqual(c.get("call-id"), a.get("call-id"))

    def test_MSG_X05_subject(self):
        j, m = self.sent("<message to='{to}'><subject>Hi\nthere</subject><body>b</body></message>")
        self.assertRegex(m.get("subject"), "^Hi ?there$")

    def test_MSG_X06_no_receipt(self):
        j, m = self.sent("<message to='{to}' id='m1'><body>b</body></message>")
        self.assertTrue(self.nothing_comes(j))

    def test_MSG_X07_language(self):
        j, m = self.sent("<message to='{to}' xml:lang='cs'><body>ahoj</body></message>")
        self.assertEqual(m.get("content-language"), "cs")

    def test_MSG_X08_several_bodies(self):
        j, m = self.sent("<message to='{to}'><body xml:lang='de'>hallo</body><body>hello</body></message>")
        self.assertEqual(m.body, "hello")

    def test_MSG_X09_types(self):
        for kind in ("chat", "normal", "headline"):
            self.sent("<message to='{to}' type='%s'><body>b</body></message>" % kind)

    def test_MSG_X10_too_long(self):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "x" * 1400, id_="m1")
        self.assertEqual(raw.stanza_error(j.wait_error("m1")), "policy-violation")
        self.assertTrue(self.nothing_reaches(r, 0.5))

    def test_MSG_X11_no_body(self):
        j, r = self.juliet(), self.romeo()
        j.send("<message to='%s@%s' type='chat'><received xmlns='urn:xmpp:receipts' id='x'/></message>" % (r, PARTNER))
        self.assertTrue(self.nothing_reaches(r))

    def test_MSG_X13_encrypted_fallback(self):
        j, m = self.sent("<message to='{to}'><body>encrypted</body><encrypted xmlns='eu.siacs.conversations.axolotl'>"
                         "<payload>QUJD</payload></encrypted></message>")
        self.assertEqual(m.body, "encrypted")

    def test_MSG_X14_html(self):
        j, m = self.sent("<message to='{to}'><body>plain</body><html xmlns='http://jabber.org/protocol/xhtml-im'>"
                         "<body xmlns='http://www.w3.org/1999/xhtml'><b>plain</b></body></html></message>")
        self.assertEqual(m.body, "plain")

    def test_MSG_X15_correction(self):
        j, m = self.sent("<message to='{to}' id='b'><body>better</body><replace xmlns='urn:xmpp:message-correct:0' id='a'/>"
                         "</message>")
        self.assertEqual(m.body, "better")

    def test_MSG_X19_one_after_the_other(self):
        j, r = self.juliet(), self.romeo()
        for text in ("first", "second", "third"):
            j.message("%s@%s" % (r, PARTNER), text)
        m = self.reaches(r)
        self.assertEqual(m.body, "first")
        self.assertTrue(self.nothing_reaches(r, 0.7))
        self.sip.answer(m, 200)
        for text in ("second", "third"):
            m = self.reaches(r)
            self.assertEqual(m.body, text)
            self.sip.answer(m, 200)

    def test_DLY_01_date(self):
        j, m = self.sent("<message to='{to}'><body>late</body><delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/>"
                         "</message>")
        self.assertEqual(m.get("date"), "Fri, 02 Jan 2026 03:04:05 GMT")


    def test_ADR_26_too_long(self):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s/%s" % (r, PARTNER, "\u00e9" * 500), "hi", id_="m1")  # 3,000 bytes as gr
        self.assertEqual(raw.stanza_error(j.wait_error("m1")), "policy-violation")
        self.assertTrue(self.nothing_reaches(r, 0.5))

    def test_MSG_X12_copies(self):
        j, r = self.juliet(), self.romeo()
        inner = ("<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='x@%s'><body>copy</body></message>"
                 "</forwarded>" % PARTNER)
        for copy in ("<sent xmlns='urn:xmpp:carbons:2'>%s</sent>", "<received xmlns='urn:xmpp:carbons:2'>%s</received>",
                     "<result xmlns='urn:xmpp:mam:2' id='1'>%s</result>"):
            j.send("<message to='%s@%s'>%s</message>" % (r, PARTNER, copy % inner))
        self.assertTrue(self.nothing_reaches(r))

    def test_MSG_X18_two_answers(self):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "forked", id_="m1")
        m = self.reaches(r)
        self.sip.answer(m, 200, tag="one")
        self.sip.answer(m, 200, tag="two")
        self.assertTrue(self.nothing_comes(j))

    def test_DLY_02_oldest(self):
        delay = "<delay xmlns='urn:xmpp:delay' from='%s' stamp='2026-01-02T03:04:0%dZ'/>"
        j, m = self.sent("<message to='{to}'><body>late</body>%s%s</message>" % (delay % ("a.example", 7), delay % ("b.example", 5)))
        self.assertEqual(m.get("date"), "Fri, 02 Jan 2026 03:04:05 GMT")


class MessagesFromSip(SipBox):
    """MSG-S: page mode, SIP to XMPP (RFC 7572 5)."""

    def came(self, body, status=200, **words):
        """(stream, romeo, message or None) for one MESSAGE."""
        j, r = self.juliet(), self.romeo()
        got = self.ask(r, "MESSAGE", body, to=j, **words)
        self.assertEqual(got.status, status, got.data)
        return j, r, got

    def message(self, j):
        return j.wait(lambda e: raw.local(e.tag) == "message" and e.get("type") != "error", 8, "message")

    def test_MSG_S01_S02_text(self):
        j, r, _ = self.came("Tschüss & <bye>\r\nnext")
        m = self.message(j)
        self.assertEqual(m.findtext("{*}body"), "Tschüss & <bye>\nnext")
        self.assertIn(m.get("type"), (None, "normal"))
        self.assertEqual(m.get("from"), "%s@%s" % (r, PARTNER))

    def test_MSG_S01_characters_that_xml_has_not(self):
        j, r, _ = self.came("a\x01b")
        self.assertEqual(self.message(j).findtext("{*}body"), "a�b")

    def test_MSG_S04_X04_thread_and_reply(self):
        j, r, got = self.came("in a thread", call_id="abc-%d@partner.example" % self.count)
        thread = self.message(j).findtext("{*}thread")
        self.assertTrue(thread)
        j.send("<message to='%s@%s' type='chat'><thread>%s</thread><body>reply</body></message>" % (r, PARTNER, thread))
        m = self.reaches(r)
        self.sip.answer(m, 200)
        self.assertEqual(m.get("call-id"), got.request.get("call-id"))

    def test_MSG_S05_subject_and_language(self):
        j, r, _ = self.came("ahoj", headers=["Subject: Hello", "Content-Language: cs"])
        m = self.message(j)
        self.assertEqual(m.findtext("{*}subject"), "Hello")
        self.assertEqual(m.get("{http://www.w3.org/XML/1998/namespace}lang"), "cs")

    def test_MSG_S09_html(self):
        j, r, _ = self.came("<html><body onload='x()'><b>bold</b><script>bad()</script></body></html>",
                            content_type="text/html")
        m = self.message(j)
        self.assertIn("bold", m.findtext("{*}body"))
        self.assertNotIn("bad()", "".join(m.itertext()))

    def test_MSG_S10_cpim(self):
        j, r = self.juliet(), self.romeo()
        cpim = ("From: <sip:%s@partner.example>\r\nTo: <sip:%s>\r\nDateTime: 2026-01-02T03:04:05+01:00\r\n\r\n"
                "Content-Type: text/plain; charset=utf-8\r\n\r\nwrapped" % (r, j.bare))
        self.assertEqual(self.ask(r, "MESSAGE", cpim, to=j, content_type="message/cpim").status, 200)
        m = j.wait_body("wrapped")
        self.assertEqual(m.find("{urn:xmpp:delay}delay").get("stamp").rstrip("Z")[:19], "2026-01-02T02:04:05")

    def test_ADR_15_im_uri(self):
        j, r = self.juliet(), self.romeo()
        cpim = "From: <im:%s@partner.example>\r\nTo: <im:%s>\r\n\r\nContent-Type: text/plain\r\n\r\nby im" % (r, j.bare)
        self.assertEqual(self.ask(r, "MESSAGE", cpim, to=j, content_type="message/cpim").status, 200)
        self.assertEqual(j.wait_body("by im").get("from"), "%s@%s" % (r, PARTNER))

    def test_MSG_S10_cpim_of_another(self):
        j, r = self.juliet(), self.romeo()
        cpim = "From: <sip:other@partner.example>\r\nTo: <sip:%s>\r\n\r\nContent-Type: text/plain\r\n\r\nwrapped" % j.bare
        self.assertEqual(self.ask(r, "MESSAGE", cpim, to=j, content_type="message/cpim").status, 403)

    def test_MSG_S11_alternative(self):
        body = ("--b\r\nContent-Type: text/plain\r\n\r\nplain part\r\n--b\r\nContent-Type: text/html\r\n\r\n"
                "<b>plain part</b>\r\n--b--\r\n")
        j, r, _ = self.came(body, content_type="multipart/alternative;boundary=b")
        self.assertEqual(self.message(j).findtext("{*}body"), "plain part")

    def test_MSG_S12_unknown_type(self):
        j, r, got = self.came("GIF89a", 415, content_type="image/gif")
        for kind in ("text/plain", "message/cpim", COMPOSING_TYPE, "message/imdn+xml"):
            self.assertIn(kind, ", ".join(got.all("accept")))

    def test_MSG_S13_charsets(self):
        j, r, _ = self.came("caf\xe9".encode("latin-1"), content_type="text/plain;charset=ISO-8859-1")
        self.assertEqual(self.message(j).findtext("{*}body"), "café")
        self.came("x", 415, content_type="text/plain;charset=koi8-r")
        self.came(b"caf\xe9", 400)

    def test_MSG_S14_encoding(self):
        j, r, got = self.came("zipped", 415, headers=["Content-Encoding: gzip"])
        self.assertIn("identity", got.get("accept-encoding", ""))

    def test_MSG_S15_expired(self):
        j, r, _ = self.came("too late", headers=["Date: Fri, 02 Jan 2026 03:04:05 GMT", "Expires: 10"])
        self.assertTrue(self.nothing_comes(j))

    def test_MSG_S16_in_no_dialog(self):
        self.came("hi", 481, to_tag="nobody")

    def test_MSG_S17_require(self):
        j, r, got = self.came("hi", 420, headers=["Require: foo"])
        self.assertEqual(got.get("unsupported"), "foo")

    def test_MSG_S18_ERR_16_max_forwards(self):
        self.came("hi", 483, max_forwards=0)

    def test_MSG_S20_empty(self):
        j, r, _ = self.came("", headers=["Content-Type: text/plain"])
        self.assertTrue(self.nothing_comes(j))

    def test_MSG_S21_too_large(self):
        j, r, _ = self.came("&" * 60000, 413)  # five times as long in XML: over 256 KB
        self.assertTrue(self.nothing_comes(j))
        j, r, _ = self.came("&" * 10000)
        j.wait_body("&" * 10000)

    def test_DLY_03_05_date(self):
        j, r, _ = self.came("old", headers=["Date: Fri, 02 Jan 2026 03:04:05 GMT"])
        self.assertEqual(self.message(j).find("{urn:xmpp:delay}delay").get("stamp")[:19], "2026-01-02T03:04:05")
        j, r, _ = self.came("future", headers=["Date: Fri, 02 Jan 2099 03:04:05 GMT"])
        self.assertIsNone(self.message(j).find("{urn:xmpp:delay}delay"))


class OverUdp(SipBox):
    """What only datagrams show."""
    how = "udp"

    def test_MSG_S06_retransmission(self):
        j, r = self.juliet(), self.romeo()
        text = self.sip.compose("MESSAGE", "sip:" + j.bare, user=r, body="once")
        self.sip.send(text)
        a = self.sip.final(text)
        self.sip.send(text)
        b = self.sip.final(text)
        self.assertEqual((a.status, a.tag_of("to")), (b.status, b.tag_of("to")))
        j.wait_body("once")
        self.assertTrue(self.nothing_comes(j))

    def test_MSG_X17_sent_again_until_it_is_answered(self):
        j, r = self.juliet(), self.romeo()
        j.message("%s@%s" % (r, PARTNER), "lost twice", id_="m1")
        seen = [self.reaches(r, seconds=3) for _ in range(3)]
        self.assertEqual(len({m.branch for m in seen}), 1)
        self.assertTrue(0.3 < seen[1].at - seen[0].at < 0.9 < seen[2].at - seen[1].at < 1.5)
        self.sip.answer(seen[2], 200)
        self.assertTrue(self.nothing_comes(j))


class States(SipBox):
    """CMP and RCP in page mode."""
    CHAT = "{http://jabber.org/protocol/chatstates}"

    def state(self, j, name, seconds=8):
        return j.wait(lambda e: e.find(self.CHAT + name) is not None, seconds, name)

    def typing(self, j, r, state, more=""):
        return self.ask(r, "MESSAGE", COMPOSING % (state, more), to=j, content_type=COMPOSING_TYPE)

    def test_CMP_01_from_sip(self):
        j, r = self.juliet(), self.romeo()
        self.assertEqual(self.typing(j, r, "active").status, 200)
        m = self.state(j, "composing")
        self.assertEqual(m.get("type"), "chat")
        self.assertIsNone(m.find("{*}body"))
        self.typing(j, r, "idle")
        self.state(j, "active", 15)

    def test_CMP_05_runs_out(self):
        j, r = self.juliet(), self.romeo()
        self.typing(j, r, "active", "<refresh>3</refresh>")
        self.state(j, "composing")
        self.state(j, "active", 15)

    def test_CMP_09_02_06_to_sip(self):
        j, r = self.juliet(), self.romeo()
        state = "<message to='%s@%s' type='chat'><%s xmlns='http://jabber.org/protocol/chatstates'/></message>"
        j.send(state % (r, PARTNER, "composing"))
        self.assertTrue(self.nothing_reaches(r), "CMP-09: not before the other side has sent one")
        self.typing(j, r, "active")
        j.send(state % (r, PARTNER, "composing"))
        m = self.reaches(r, seconds=12)
        self.assertEqual(m.get("content-type").split(";")[0], COMPOSING_TYPE)
        self.assertIn("<state>active</state>", m.body)
        self.sip.answer(m, 200)
        m = self.reaches(r, seconds=20)
        self.assertIn("<state>idle</state>", m.body)
        self.sip.answer(m, 200)

    def test_CMP_08_refused(self):
        j, r = self.juliet(), self.romeo()
        state = "<message to='%s@%s' type='chat'><%s xmlns='http://jabber.org/protocol/chatstates'/></message>"
        self.typing(j, r, "active")
        j.send(state % (r, PARTNER, "composing"))
        self.sip.answer(self.reaches(r, seconds=12), 415)
        j.send(state % (r, PARTNER, "paused"))
        self.assertTrue(self.nothing_reaches(r, 12))
        self.assertEqual([e for e in arrived(j) if e.get("type") == "error"], [])

    def test_CMP_10_broken(self):
        j, r = self.juliet(), self.romeo()
        got = self.ask(r, "MESSAGE", "<isComposing><state>", to=j, content_type=COMPOSING_TYPE)
        self.assertEqual(got.status, 400)
        self.assertEqual(self.typing(j, r, "active", "<unknown/><contenttype>foo/bar</contenttype>").status, 200)
        self.state(j, "composing")

    def _cpim(self, r, j, disposition):
        return ("From: <sip:%s@partner.example>\r\nTo: <sip:%s>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
                "imdn.Message-ID: id%s\r\nimdn.Disposition-Notification: %s\r\n\r\nContent-Type: text/plain\r\n\r\nplease"
                % (r, j.bare, r, disposition))

    def test_RCP_09_10_13_asked_and_given(self):
        j, r = self.juliet(), self.romeo()
        got = self.ask(r, "MESSAGE", self._cpim(r, j, "positive-delivery"), to=j, content_type="message/cpim")
        self.assertEqual(got.status, 200)
        m = j.wait_body("please")
        self.assertIsNotNone(m.find("{urn:xmpp:receipts}request"))
        j.send("<message to='%s' type='chat'><received xmlns='urn:xmpp:receipts' id='%s'/></message>" % (
            m.get("from"), m.get("id")))
        n = self.reaches(r)
        self.sip.answer(n, 200)
        self.assertIn("<message-id>id%s</message-id>" % r, n.body)
        self.assertIn("<delivered", n.body)
        self.assertNotIn("Disposition-Notification", n.body)

    def test_RCP_06_07_11_asked_by_xmpp(self):
        j, r = self.juliet(), self.romeo()
        self.ask(r, "MESSAGE", self._cpim(r, j, "positive-delivery"), to=j, content_type="message/cpim")
        j.wait_body("please")  # now it is known that CPIM is taken there
        j.send("<message to='%s@%s' type='chat' id='q1'><body>seen it?</body><request xmlns='urn:xmpp:receipts'/>"
               "<markable xmlns='urn:xmpp:chat-markers:0'/></message>" % (r, PARTNER))
        m = self.reaches(r)
        self.sip.answer(m, 200)
        self.assertEqual(m.get("content-type").split(";")[0].lower(), "message/cpim")
        self.assertRegex(m.body, r"imdn\.Disposition-Notification: positive-delivery, ?display\r\n")
        self.assertTrue(m.body.endswith("seen it?"))
        id_ = re.search(r"imdn\.Message-ID: (\S+)", m.body).group(1)
        body = ('<?xml version="1.0"?><!-- a phone --><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>%s</message-id>'
                "<datetime>2026-01-02T03:04:05Z</datetime><%s-notification><status><%s/></status></%s-notification></imdn>")
        for kind, status, name in (("delivery", "delivered", "{urn:xmpp:receipts}received"),
                                   ("display", "displayed", "{urn:xmpp:chat-markers:0}displayed")):
            got = self.ask(r, "MESSAGE", body % (id_, kind, status, kind), to=j, content_type="message/imdn+xml")
            self.assertEqual(got.status, 200, got.data)
            e = j.wait(lambda e: e.find(name) is not None, 8, name)
            self.assertEqual(e.find(name).get("id"), "q1")

    def test_RCP_08_not_invented(self):
        j, r = self.juliet(), self.romeo()
        j.send("<message to='%s@%s' type='chat' id='q1'><body>did you get it</body><request xmlns='urn:xmpp:receipts'/>"
               "</message>" % (r, PARTNER))
        self.sip.answer(self.reaches(r), 200)
        self.assertTrue(self.nothing_comes(j))

    def test_RCP_12_unknown(self):
        j, r = self.juliet(), self.romeo()
        body = ('<?xml version="1.0"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>nobody</message-id>'
                "<datetime>2026-01-02T03:04:05Z</datetime><delivery-notification><status><delivered/></status>"
                "</delivery-notification></imdn>")
        self.assertEqual(self.ask(r, "MESSAGE", body, to=j, content_type="message/imdn+xml").status, 200)
        self.assertTrue(self.nothing_comes(j))


class Sessions(SipBox):
    """SES-00, MUC-00: what is not offered is refused in the right words."""

    def test_SES_00_invite(self):
        j, r = self.juliet(), self.romeo()
        sdp = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 7654 TCP/MSRP *\r\n"
               "a=accept-types:text/plain\r\na=path:msrp://127.0.0.1:7654/abc;tcp\r\n")
        text = self.sip.compose("INVITE", "sip:" + j.bare, user=r, body=sdp, content_type="application/sdp",
                                headers=[self.sip.contact(r)])
        self.sip.send(text)
        got = self.sip.final(text)
        self.assertEqual(got.status, 488)
        self.assertIn("304", got.get("warning", ""))
