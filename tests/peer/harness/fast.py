"""Tokens of FAST (XEP-0484) by hand, over whatever carries a stream."""
import base64
import hashlib
import hmac

from . import raw

SASL2 = "urn:xmpp:sasl:2"
FAST = "urn:xmpp:fast:0"
AGENT = "d4565fa7-4d72-4749-b3d3-740edbf87770"
BIND2 = "<bind xmlns='urn:xmpp:bind:0'><tag>fast</tag></bind>"


def offered(features):
    """The mechanisms that tokens can be for."""
    return [m.text for m in features.iterfind(".//{%s}fast/{*}mechanism" % FAST)]


def _authenticate(mechanism, initial, agent, inside):
    return "<authenticate xmlns='%s' mechanism='%s'><initial-response>%s</initial-response>%s%s</authenticate>" % (
        SASL2, mechanism, base64.b64encode(initial).decode(),
        "<user-agent id='%s'><software>peer test</software></user-agent>" % agent if agent else "", inside)


def by_password(user, password, wanted=None, agent=AGENT, inside=""):
    """The element of a login by password that asks for a token for this mechanism."""
    if wanted:
        inside += "<request-token xmlns='%s' mechanism='%s'/>" % (FAST, wanted)
    return _authenticate("PLAIN", b"\0%s\0%s" % (user.encode(), password.encode()), agent, inside)


def by_token(user, token, mechanism="HT-SHA-256-NONE", binding=b"", agent=AGENT, attributes="", inside=""):
    proof = hmac.new(token.encode(), b"Initiator" + binding, hashlib.sha256).digest()
    return _authenticate(mechanism, user.encode() + b"\0" + proof, agent, inside + "<fast xmlns='%s' %s/>" % (FAST, attributes))


def answer(success, token, binding=b""):
    """Did the server prove that it has the token too?"""
    want = hmac.new(token.encode(), b"Responder" + binding, hashlib.sha256).digest()
    return base64.b64decode(success.findtext("{*}additional-data")) == want


def token_of(success):
    """Its token, or None; anything but a success raises raw.SaslFailed."""
    if raw.local(success.tag) != "success":
        raise raw.SaslFailed(raw.local(success[0].tag))
    e = success.find("{%s}token" % FAST)
    return None if e is None else e.get("token")
