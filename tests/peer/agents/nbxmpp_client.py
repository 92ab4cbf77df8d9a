"""A person with nbxmpp, the library of Gajim, who knows a domain alone. Arguments: domain, user, password, and whom to talk to.
Logs in, says "hello", waits for an answer, leaves. Prints what it did."""
import json
import sys

from gi.repository import GLib
from nbxmpp.client import Client
from nbxmpp.http import HTTPSession
from nbxmpp.protocol import Message, Presence
from nbxmpp.structs import StanzaHandler

domain, user, password, to = sys.argv[1:]
loop = GLib.MainLoop()
out = {}


def connected(client, *_):
    out.update(jid=str(client.get_bound_jid()), address=client.remote_address, tls=str(client.tls_version), way=str(client.current_connection_type))
    client.send_stanza(Presence())
    client.send_stanza(Message(to=to, typ="chat", body="hello"))


def on_message(client, stanza, properties):
    if stanza.getBody():
        out["heard"] = stanza.getBody()
        client.disconnect()


def ended(client, signal, *_):
    out.setdefault("ended", signal)
    out["error"] = str(client.get_error())
    loop.quit()


def bad_certificate(client, *_):
    out["certificate"] = str(client.peer_certificate[1])


c = Client(log_context="outside")
c.set_domain(domain)
c.set_username(user)
c.set_resource("nbxmpp")
c.set_password(password)
c.set_http_session(HTTPSession())
c.subscribe("connected", connected)
c.subscribe("disconnected", ended)
c.subscribe("connection-failed", ended)
c.subscribe("bad-certificate", bad_certificate)
c.register_handler(StanzaHandler(name="message", callback=on_message))
c.connect()
loop.run()
print(json.dumps(out))
