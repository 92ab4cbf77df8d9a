"""Pages of large archives (XEP-0313) beside Prosody and ejabberd, all three with SQLite.

Two people say something, so that each server has written rows of its own; then the row is copied for all people and over most of a year, by
SQL, with the indexes made anew at the end: the fast way to millions of messages, and what a server reads is what it would have written.
"""
import json
import os
import sqlite3
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from servers import NAMES, Site  # noqa: E402
from storm import load  # noqa: E402

DAYS, PEERS, WORDS = 300, 50, 5000      # gatehouse keeps a year


def say(text):
    print("mam: " + text, file=sys.stderr, flush=True)


def finish(child, what):
    got = child.communicate()[0]
    if child.returncode != 0:
        sys.exit("bench: %s failed: %s" % (what, got))
    return json.loads(got)


class Archive:
    """A server's: file(server), table, template (a row of user0 as SQL gives it), columns that are the same in all copies, those that are not
    as SQL with :at (seconds), :n (number of the moment), and u.name, u.number of each person."""

    def fill(self, server, users, rows):
        finish(load(server, "pairs", users=2, pairs=1, window=1, rounds=1, seconds=1, tls="none"), "a first talk")
        time.sleep(2)       # what is written a little later
        server.stop()
        db = sqlite3.connect(self.file(server), isolation_level=None)
        db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-2000000; PRAGMA temp_store=MEMORY;")
        indexes = [sql for sql, in db.execute("SELECT sql FROM sqlite_master WHERE type='index' AND tbl_name=? AND sql IS NOT NULL", (self.table,))]
        names = [n for n, in db.execute("SELECT name FROM sqlite_master WHERE type='index' AND tbl_name=? AND sql IS NOT NULL", (self.table,))]
        db.execute("CREATE TEMP TABLE people(name TEXT, number INTEGER PRIMARY KEY, row INTEGER)")
        db.executemany("INSERT INTO people VALUES(?,?,?)", self.people(db, server, users))
        db.execute("CREATE TEMP TABLE template AS SELECT * FROM %s %s LIMIT 1" % (self.table, self.template))
        db.execute("DELETE FROM %s" % self.table)
        for name in names:
            db.execute("DROP INDEX %s" % name)
        self.copy(db, server, users, rows)
        for sql in indexes:
            db.execute(sql)
        n, = db.execute("SELECT count(*) FROM %s" % self.table).fetchone()
        db.close()
        if n != users * rows:
            sys.exit("bench: %d rows instead of %d" % (n, users * rows))
        server.users = {}   # they are there
        server.start()

    def copy(self, db, server, users, rows):
        begin, step = time.time() - DAYS * 86400, (DAYS - 1) * 86400 / rows
        text = "INSERT INTO %s(%s) SELECT %s FROM template t, people u ORDER BY u.number" % (
            self.table, ",".join(list(self.own) + list(self.same)), ",".join(list(self.own.values()) + ["t." + c for c in self.same]))
        db.execute("BEGIN")
        for n in range(rows):
            db.execute(text, {"at": begin + n * step, "n": n, "users": users, "domain": server.domain})
        db.execute("COMMIT")

    def people(self, db, server, users):
        return [("user%d" % i, i, i) for i in range(users)]


# Whom a person's message of a moment is to or from: one of 50.
PEER = "'user'||((u.number+1+:n%%%d)%%:users)||'@'||:domain" % PEERS


class OfGatehouse(Archive):
    table, template = "archive", "WHERE body<>''"
    same = ("resource", "size", "stanza")
    own = {"id": "(cast(:at*1000 AS INTEGER)<<20)+u.number", "user": "u.row", "peer": PEER, "body": "t.body||' word'||((u.number+:n)%%%d)" % WORDS}

    def file(self, server):
        return os.path.join(server.state, "store", "gatehouse.db")

    def people(self, db, server, users):
        rows = dict(db.execute("SELECT jid,id FROM user"))
        return [("user%d" % i, i, rows["user%d@%s" % (i, server.domain)]) for i in range(users)]

    def copy(self, db, server, users, rows):
        db.execute("DELETE FROM archive_user")
        super().copy(db, server, users, rows)


class OfProsody(Archive):
    table, template = "prosodyarchive", ""
    same = ("host", "store", "type", "value")
    own = {"user": "u.name", "key": "lower(hex(randomblob(16)))", '"when"': "cast(:at AS INTEGER)", '"with"': PEER}

    def file(self, server):
        return os.path.join(server.dir, "archive.sqlite")


class OfEjabberd(Archive):
    table, template = "archive", ""
    same = ("xml", "txt", "kind", "nick")
    own = {"username": "u.name", "timestamp": "cast(:at*1000000 AS INTEGER)", "peer": PEER + "||'/load'", "bare_peer": PEER}

    def file(self, server):
        return os.path.join(server.dir, "archive.sqlite")


ARCHIVES = {"gatehouse": OfGatehouse(), "prosody": OfProsody(), "ejabberd": OfEjabberd()}


def bench(plan, rounds, out):
    """Clients ask in turn, one question in flight and then sixteen: the newest page of 50, one that begins at some time, and (of ours
    alone) what has a word in it."""
    users, rows, seconds = plan
    site = Site()
    try:
        servers = {}
        for name in NAMES:
            say("%s: %d people with %d messages each" % (name, users, rows))
            servers[name] = site.server(name, users, mam=True)
            ARCHIVES[name].fill(servers[name], users, rows)
        times = {"from": int(time.time()) - (DAYS - 5) * 86400, "to": int(time.time()) - 10 * 86400}
        for kind, where in (("the newest page", {}), ("a page of some time", times), ("a word", {"words": WORDS})):
            for in_flight in (1, 16):
                for _ in range(rounds):
                    for name, server in servers.items():
                        if "words" in where and name != "gatehouse":
                            continue    # they cannot
                        say("%s: %s, %d in flight" % (name, kind, in_flight))
                        got = finish(load(server, "mam", users=users, pairs=in_flight, seconds=seconds, tls="none", **where), name)
                        key = ("mam", users * rows, "%s, %d in flight" % (kind, in_flight))
                        for r in got["rounds"]:
                            out.add(key + ("p99, ms",), name, r["p99_ms"])
                            out.add(key + ("median, ms",), name, r["p50_ms"])
                            out.add(key + ("pages/s by the clock",), name, r["per_s"])
                            out.add(key + ("pages per CPU second",), name, r["per_cpu_s"])
                        if got["results_per_page"] < (rows / WORDS / 2 if "words" in where else 49):
                            sys.exit("bench: %s gave %.1f messages a page" % (name, got["results_per_page"]))
    finally:
        site.close()
