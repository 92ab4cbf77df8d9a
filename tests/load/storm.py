"""Many people log in at once: the morning, with all contacts' presence, beside Prosody and ejabberd; and those of a node that failed."""
import json
import os
import sqlite3
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOAD = os.path.join(os.environ.get("GATEHOUSE_BIN", os.path.join(HERE, "..", "..", "build", "release", "bin")), "gh-load")

from servers import NAMES, PASSWORD, Site  # noqa: E402

GATEHOUSE = ("gatehouse",)
IN_FLIGHT = 50
STRIDE = 97             # from a person to the next contact: those who log in one after the other are no contacts
BOTH = 1 | 2 | 32       # CONTACT_TO, CONTACT_FROM, CONTACT_LISTED (lib/run/store_op.h)
GENERATORS = 2          # a process holds no more descriptors than `ulimit -Hn` says; nor does a worker of gh-access


def say(text):
    print("storm: " + text, file=sys.stderr, flush=True)


def contacts_of(i, users, contacts):
    """Numbers; who is in somebody's list has them in their own."""
    return [(i + sign * k * STRIDE) % users for k in range(1, contacts // 2 + 1) for sign in (1, -1)]


def load(server, mode, **options):
    argv = [LOAD, "--server", server.addr + ":5222", "--domain", server.domain, "--password", PASSWORD, "--mechanism", "SCRAM-SHA-1",
            "--pids", str(server.program.pid), "--in-flight", str(IN_FLIGHT), "--timeout", "1500"]
    for k, v in options.items():
        argv += ["--" + k.replace("_", "-"), str(v)]
    return subprocess.Popen(argv + [mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def lists_gatehouse(gh, users, contacts):
    gh.stop()
    with sqlite3.connect(os.path.join(gh.state, "store", "gatehouse.db")) as db:
        rows = {jid: n for n, jid in db.execute("SELECT id,jid FROM user")}
        db.executemany("INSERT INTO contact(user,jid,bits,name,groups,request) VALUES(?,?,?,'',x'',x'')",
                       ((rows["user%d@%s" % (i, gh.domain)], "user%d@%s" % (c, gh.domain), BOTH)
                        for i in range(users) for c in contacts_of(i, users, contacts)))
    db.close()
    gh.start()


def lists_prosody(p, users, contacts):
    folder = "%s/data/%s/roster" % (p.name, p.domain.replace(".", "%2e"))
    p.stop()
    for i in range(users):
        rows = "".join('["user%d@%s"]={["subscription"]="both";["groups"]={}};' % (c, p.domain) for c in contacts_of(i, users, contacts))
        p.place.write("%s/user%d.dat" % (folder, i), "return {%s[false]={[\"version\"]=1}};" % rows)
    p.start()


def lists_ejabberd(users, contacts):
    """Erlang for the server's start; the domain is filled in there."""
    return ('lists:foreach(fun(I) -> U = <<"user", (integer_to_binary(I))/binary>>, lists:foreach(fun(K) -> '
            'C = <<"user", (integer_to_binary((I + K * %d + %d) rem %d))/binary>>, J = {C, <<"{domain}">>, <<>>}, '
            'mnesia:dirty_write({roster, {U, <<"{domain}">>, J}, {U, <<"{domain}">>}, J, <<>>, both, none, [], <<>>, []}) '
            'end, lists:seq(1, %d) ++ lists:seq(-%d, -1)) end, lists:seq(0, %d))' %
            (STRIDE, STRIDE * users, users, contacts // 2, contacts // 2, users - 1))


def with_lists(site, name, users, contacts):
    if name == "ejabberd":
        return site.server(name, users, evals=[lists_ejabberd(users, contacts)])
    server = site.server(name, users)
    {"gatehouse": lists_gatehouse, "prosody": lists_prosody}[name](server, users, contacts)
    return server


def storm(plan, rounds, out):
    """All log in, 50 at a time, ask for their list, and wait until each has the presence of all its contacts. A new server each time. Of the
    largest number ours alone: others take minutes."""
    contacts, sizes = plan
    for users in sizes * rounds:
        for name in NAMES if users == sizes[0] else GATEHOUSE:
            say("%s, %d people with %d contacts each" % (name, users, contacts))
            site = Site()
            try:
                child = load(with_lists(site, name, users, contacts), "storm", users=users, contacts=contacts)
                got = json.loads(child.communicate()[0] or "{}")
                if child.returncode != 0:
                    sys.exit("bench: storm against %s failed: %s" % (name, got))
            finally:
                site.close()
            key = ("storm", users, "%d contacts each" % contacts)
            out.add(key + ("all are in, s",), name, got["in_s"])
            out.add(key + ("all know who is there, s",), name, got["wall_s"])
            out.add(key + ("processor seconds",), name, got["cpu_s"])
            out.add(key + ("memory then, MiB",), name, got["pss_kib"] / 1024)


def failover(users, rounds, out):
    """All people of a node that failed log in at this one: TLS with a full handshake, SCRAM, list, presence."""
    for _ in range(rounds):
        site = Site()
        try:
            gh = site.server("gatehouse", users, kind="good")
            gh.commit("set access workers %d" % GENERATORS)
            lists_gatehouse(gh, users, 50)
            say("%d people log in" % users)
            begin = time.monotonic()
            parts = [load(gh, "hold", users=users // GENERATORS, first=k * (users // GENERATORS), tls="starttls", wait=0) for k in range(GENERATORS)]
            told = [json.loads(p.stdout.readline() or "{}") for p in parts]
            wall = time.monotonic() - begin
            if sum(t.get("clients", 0) for t in told) != users:
                sys.exit("bench: %s of %d people are in" % ([t.get("clients") for t in told], users))
            key = ("failover", users, "TLS, 50 contacts each")
            out.add(key + ("all are in again, s",), GATEHOUSE[0], wall)
            out.add(key + ("logins/s by the clock",), GATEHOUSE[0], users / wall)
            out.add(key + ("all programs, MiB",), GATEHOUSE[0], gh.memory_kib() / 1024)
            for p in parts:
                p.communicate()
        finally:
            site.close()
