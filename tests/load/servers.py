"""The servers under load: each Debian's or ours, with many users that share one password.

Users are user0 .. userN-1 with one SCRAM verifier (4,096 rounds), written the fast way that each
server has: what a login costs the server does not depend on how its account was made.
"""
import base64
import hashlib
import hmac
import os
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "peer"))
sys.path.insert(0, os.path.join(HERE, "..", "pki"))

from harness.dns import Dns  # noqa: E402
from harness.ejabberd import Ejabberd  # noqa: E402
from harness.gatehouse import Gatehouse  # noqa: E402
from harness.place import Place  # noqa: E402
from harness.prosody import Prosody  # noqa: E402
from pki import Pki  # noqa: E402

PASSWORD, SALT, ROUNDS = "secret", b"sixteen octets!!", 4096
NAMES = ("gatehouse", "prosody", "ejabberd")


def verifier(digest):
    """(stored key, server key) of the one password, RFC 5802 section 3."""
    salted = hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), SALT, ROUNDS)
    client_key = hmac.digest(salted, b"Client Key", digest)
    return hashlib.new(digest, client_key).digest(), hmac.digest(salted, b"Server Key", digest)


def for_gatehouse(digest, name):
    stored, server = verifier(digest)
    b64 = [base64.b64encode(x).decode() for x in (SALT, stored, server)]
    return "%s$%d:%s$%s:%s" % (name, ROUNDS, *b64)


class Site:
    """Where a run's servers live: folder, authority, name server."""

    def __init__(self):
        self.place = Place("bench")
        self.pki = Pki(self.place.path("pki"))
        self.dns = Dns(self.place)
        self.number = 0

    def server(self, name, users, kind="rsa", peers=(), evals=(), mam=False):
        """A started server with its users; kind: of certificate (tests/pki); peers: domains it federates with; evals: of ejabberd, Erlang for its
        start with "{domain}" in it; mam: keeps archives, in SQLite."""
        self.number += 1
        domain = "%s%d.example" % (name, self.number)
        cert = self.pki.make(kind, domain)
        if name == "ejabberd":
            return self._ejabberd(domain, cert, users, [e.replace("{domain}", domain) for e in evals], mam)
        if name == "prosody":
            return self._prosody(domain, cert, users, mam)
        return self._gatehouse(domain, cert, users, peers)

    def pair(self, name, users):
        """Two servers that federate."""
        ahead = "%s%d.example" % (name, self.number + 2)
        a = self.server(name, users, peers=[ahead])
        b = self.server(name, users, peers=[a.domain])
        for x in (a, b):
            self.dns.a("xmpp." + x.domain, x.addr)
            self.dns.srv(x.domain, "xmpp." + x.domain, 5269)
        return a, b

    def _gatehouse(self, domain, cert, users, peers):
        gh = Gatehouse(self.place, domain, cert, self.pki.ca, self.dns,
                       peers={p: {"action": "allow"} for p in peers},
                       settings=["set access tls optional", "set access connections-max 19000", "set im rooms %s service conference.%s" % (domain, domain),
                                 "set im room-occupants 1000", "set im room-rate 1000"])
        gh.start()
        verifiers = " ".join(for_gatehouse(d, n) for d, n in (("sha1", "SCRAM-SHA-1"), ("sha256", "SCRAM-SHA-256")))
        gh.ghsh(["user import user%d@%s %s" % (i, domain, verifiers) for i in range(users)], timeout=600)
        return gh

    def _prosody(self, domain, cert, users, mam):
        archive = ('modules_enabled = { "mam" }\nstorage = { archive = "sql" }\nsql = { driver = "SQLite3", database = "%s" }\narchive_expires_after = "never"\n' %
                   self.place.path("prosody-" + domain, "archive.sqlite")) if mam else ""
        p = Prosody(self.place, domain, cert, self.pki.ca, self.dns, log="warn", host_extra=archive, parts='Component "conference.%s" "muc"\n' % domain)
        stored, server = verifier("sha1")
        row = 'return { ["salt"] = "%s"; ["iteration_count"] = %d; ["stored_key"] = "%s"; ["server_key"] = "%s"; };' % (
            SALT.decode(), ROUNDS, stored.hex(), server.hex())
        folder = domain.replace(".", "%2e")
        for i in range(users):
            self.place.write("%s/data/%s/accounts/user%d.dat" % (p.name, folder, i), row)
        return p.start()

    def _ejabberd(self, domain, cert, users, evals, mam):
        # One account is made as ejabberd makes it, the others are copies of its row.
        copies = ('[P] = mnesia:dirty_read(passwd, {<<"user0">>, <<"%s">>}), '
                  'lists:foreach(fun(I) -> mnesia:dirty_write(setelement(2, P, '
                  '{<<"user", (integer_to_binary(I))/binary>>, <<"%s">>})) end, lists:seq(1, %d))' %
                  (domain, domain, users - 1))
        e = Ejabberd(self.place, domain, cert, self.pki.ca, self.dns, log="warning", evals=[copies] + evals,
                     modules="  mod_muc: { host: conference.%s, max_users: 1000, min_message_interval: 0, default_room_options: { max_users: 1000 } }" % domain + (self._ejabberd_archive(domain) if mam else ""))
        e.user("user0", PASSWORD)
        return e.start()

    def _ejabberd_archive(self, domain):
        path = self.place.path("ejabberd-" + domain, "archive.sqlite")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open("/usr/share/ejabberd/sql/lite.sql", encoding="utf-8") as f:
            sqlite3.connect(path).executescript(f.read())
        return "\n  mod_mam: { db_type: sql, default: always }\nsql_type: sqlite\nsql_database: \"%s\"\n" % path

    def close(self):
        self.place.close()
