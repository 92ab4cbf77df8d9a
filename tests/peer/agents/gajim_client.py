"""A person with Gajim, who knows a domain alone; Gajim itself runs, and this stands for the person's hands. Argument: a file that comes with
domain, user, password, whom to talk to, and a file to send. Says "hello", waits for an answer, uploads the file, leaves. Prints what it did."""
import json
import sys
from pathlib import Path

words = Path(sys.argv[1])
sys.argv = ["gajim"]

from gajim import gajim
from gi.repository import GLib

out = {}


def contact():
    return app.get_client(user).get_module("Contacts").get_contact(to)


def signed_in(event):
    GLib.idle_add(say)


def say():
    app.get_client(user).send_message(structs.OutgoingMessage(account=user, contact=contact(), message="hello", type_="chat"))


def heard(event):
    out["heard"] = event.msgtxt
    GLib.idle_add(send_file)


def send_file():
    app.get_client(user).get_module("HTTPUpload").send_file(contact(), Path(path))


def sent(event):
    if "heard" in out and event.message.startswith("https:"):
        out["file"] = event.message
        print(json.dumps(out), flush=True)
        GLib.timeout_add(500, app.app.quit)


def look():
    global app, structs, domain, user, password, to, path
    from gajim.common import app, ged, structs
    if not getattr(app, "interface", None) or not app.app or not words.exists():
        return True
    domain, user, password, to, path = json.loads(words.read_text())
    app.ged.register_event_handler("signed-in", ged.CORE, signed_in)
    app.ged.register_event_handler("message-received", ged.CORE, heard)
    app.ged.register_event_handler("message-sent", ged.CORE, sent)
    app.settings.set("use_keyring", False)
    app.app.create_account(user, user, domain, password, None, None)
    app.app.enable_account(user)
    return False


GLib.timeout_add(100, look)
gajim.main()
