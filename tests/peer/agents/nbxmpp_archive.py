"""nbxmpp reads its archive and sets its preferences: USER DOMAIN PASSWORD ADDRESS. One line for each message, then what it was told."""
import sys

from gi.repository import GLib
from nbxmpp.client import Client
from nbxmpp.const import ConnectionProtocol, ConnectionType
from nbxmpp.protocol import JID
from nbxmpp.structs import StanzaHandler

USER, DOMAIN, PASSWORD, ADDRESS = sys.argv[1:]
LOOP = GLib.MainLoop()


def end(why=None):
    if why:
        print(why, file=sys.stderr)
    LOOP.quit()


def on_message(_client, _stanza, properties):
    if properties.is_mam_message:
        print(properties.body)


def on_prefs(task):
    got = task.finish()
    print("default", got.default, "always", [str(j) for j in got.always], "never", [str(j) for j in got.never])
    end()


def on_set(task):
    task.finish()
    CLIENT.get_module("MAM").request_preferences(callback=on_prefs)


def on_page(task):
    got = task.finish()
    print("complete", got.complete, "count", got.rsm.count)
    peer = JID.from_string("v" + USER[1:] + "@" + DOMAIN)
    CLIENT.get_module("MAM").set_preferences("never", [], [peer], callback=on_set)


def on_login(*_):
    CLIENT.get_module("MAM").make_query(JID.from_string(USER + "@" + DOMAIN), queryid="nb", max_=20, callback=on_page)


CLIENT = Client(log_context="agent")
CLIENT.set_domain(DOMAIN)
CLIENT.set_username(USER)
CLIENT.set_resource("nbxmpp")
CLIENT.set_password(PASSWORD)
CLIENT.set_ignore_tls_errors(True)
CLIENT.set_custom_host("%s:5222" % ADDRESS, ConnectionProtocol.TCP, ConnectionType.START_TLS)
CLIENT.register_handler(StanzaHandler(name="message", callback=on_message, priority=50))
CLIENT.subscribe("connected", on_login)
CLIENT.subscribe("connection-failed", lambda *_: end("no connection"))
CLIENT.subscribe("disconnected", lambda *_: end("disconnected"))
CLIENT.connect()
GLib.timeout_add_seconds(40, end, "too long")
LOOP.run()
