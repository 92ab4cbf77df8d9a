"""Applications for a desktop, on a screen that nobody looks at: Xvfb and a session bus of their own, which end with them."""
import os
import pwd
import sqlite3
import time

from .place import Program, need, wait_for

# In a namespace of processes of their own: what a session bus has started ends, too. Xvfb tells its parent that it is ready, but not the first process.
ALONE = ["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", '"$@"; exit $?', "sh"]


def desktop(place, name, words, argv, home, user=None):
    """words(*argv): the command line of a program where it lives. user: None: as it is called."""
    os.makedirs(home, exist_ok=True)
    who = []
    if user:
        os.chown(home, pwd.getpwnam(user).pw_uid, -1)
        who = [need("setpriv"), "--reuid", user, "--clear-groups"]
    env = dict(HOME=home, XDG_DATA_HOME=home + "/data", XDG_CONFIG_HOME=home + "/config", XDG_CACHE_HOME=home + "/cache", XDG_RUNTIME_DIR=home,
               NO_AT_BRIDGE="1", GTK_A11Y="none", GSETTINGS_BACKEND="memory", LANG="C.UTF-8")
    screen = [need("unshare")] + ALONE + who + [need("xvfb-run"), "-a", need("dbus-run-session"), "--"]
    return Program(place, name, words(*screen, *argv), env=env)


class Dino:
    """Dino of Debian. What its user would click stands in its database: an account, and a message that is still to be sent."""
    UNSENT, SENT, OUT, CHAT = 4, 7, 1, 1  # Entities.Message

    def __init__(self, place, words, user, domain, password):
        self.place, self.words, self.name, self.home = place, words, "dino-" + user, place.path("dino-" + user)
        self.database = self.home + "/data/dino/dino.db"
        self.jid, self.password = "%s@%s" % (user, domain), password
        self.first = self.run()  # makes the tables

    def run(self):
        return desktop(self.place, self.name, self.words, [need("dino-im")], self.home)

    def rows(self, query, *values):
        with sqlite3.connect(self.database, timeout=10) as c:
            return c.execute(query, values).fetchall()

    def is_made(self):
        """The version comes last."""
        try:
            return os.path.exists(self.database) and self.rows("select int_val from _meta where name = 'version'")
        except sqlite3.OperationalError:
            return False

    def prepare(self, to, body):
        wait_for("Dino has a database", self.is_made, 20, 0.2)
        self.first.stop()
        now = int(time.time())
        self.rows("insert into account (id, bare_jid, resourcepart, password, alias, enabled) values (1, ?, 'dino', ?, '', 1)", self.jid, self.password)
        self.rows("insert into jid (id, bare_jid) values (10, ?)", to)
        self.rows("insert into conversation (account_id, jid_id, active, active_last_changed, last_active, type, encryption) values (1, 10, 1, ?, ?, 0, 0)",
                  now, now)
        self.rows("insert into message (stanza_id, account_id, counterpart_id, direction, type, time, local_time, body, encryption, marked)"
                  " values ('first', 1, 10, ?, ?, ?, ?, ?, 0, ?)", self.OUT, self.CHAT, now, now, body, self.UNSENT)

    def heard(self):
        return [r[0] for r in self.rows("select body from message where direction = 0")]
