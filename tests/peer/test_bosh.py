"""BOSH (XEP-0124, XEP-0206) at the front: Strophe in Chromium as the foreign client, and every refusal by hand."""
import hashlib
import http.client
import json
import os
import socket
import subprocess
import xml.etree.ElementTree as ET

from harness import raw
from harness.boshclient import BOSH, BoshClient
from harness.people import DOMAIN, Box, arrived, bodies
from harness.place import need, port_open, wait_for

PORT = 443
STROPHE = "/usr/share/javascript/strophe/strophe.js"


class BoshCase(Box):
    settings = ("set proxy bosh on", "set proxy message-size 16384")

    @classmethod
    def build(cls):
        super().build()
        cls.gh.commit("set proxy listen all %s %d" % (cls.gh.addr, PORT))
        wait_for("the front listens", lambda: port_open(cls.gh.addr, PORT), 10)

    def tls(self):
        s = socket.create_connection((self.gh.addr, PORT), 60)
        t = raw.client_context(self.pki.ca, alpn="http/1.1").wrap_socket(s, server_hostname=DOMAIN)
        self.addCleanup(t.close)
        return t

    def bosh(self, **options):
        return BoshClient(self.tls, DOMAIN, **options)

    def opened(self, *words, **options):
        b = self.bosh()
        b.open(*words, **options)
        return b

    def in_(self, user, **options):
        b = self.bosh()
        b.login(user, self.gh.users[user], **options)
        return b

    def ends(self, got, condition):
        self.assertEqual((got.get("type"), got.get("condition")), ("terminate", condition))

    def is_in(self, user):
        return [r for r in self.gh.records("show", "clients", "%s@%s" % (user, DOMAIN), check=False) if r["transport"] == "bosh"]


class Foreign(BoshCase):
    PAGE = """<body><script src="file://%(strophe)s"></script><script>
      const said = [], c = new Strophe.Connection("https://%(domain)s/http-bind");
      const show = () => document.body.textContent = "said " + said.join(" ");
      c.addHandler(m => {
        const b = m.getElementsByTagName("body")[0];
        if (b) { said.push("got", Strophe.getText(b)); c.disconnect("done"); }
        return true;
      }, null, "message");
      c.connect("%(user)s@%(domain)s/page", "%(password)s", status => {
        if (status === Strophe.Status.CONNECTED) {
          said.push("connected");
          c.send($pres());
          c.send($msg({to: "%(to)s", type: "chat"}).c("body").t("from a page \\u00e9 <&>"));
        } else if (status === Strophe.Status.DISCONNECTED) { said.push("disconnected"); show(); }
        else if (status === Strophe.Status.AUTHFAIL || status === Strophe.Status.CONNFAIL) { said.push("failed " + status); show(); }
      });
    </script></body>"""

    def test_strophe_in_chromium(self):
        """A page of elsewhere logs in by SCRAM, talks and leaves: preflights, cross-origin answers, restart, terminate."""
        u, v = self.people("u", "v")
        w = self.client(v)
        need("chromium")
        page = self.place.write("page.html", self.PAGE % {"strophe": STROPHE, "domain": DOMAIN, "user": u, "password": self.gh.users[u],
                                                         "to": w.jid})
        p = subprocess.Popen([need("chromium"), "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                              "--ignore-certificate-errors", "--user-data-dir=" + self.place.path("chromium"),
                              "--host-resolver-rules=MAP %s %s" % (DOMAIN, self.gh.addr), "--virtual-time-budget=60000", "--dump-dom",
                              "file://" + page], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=dict(os.environ, HOME=self.place.path("home")))
        self.addCleanup(p.kill)
        w.seconds = 60
        w.wait_body("from a page \u00e9 <&>")
        self.chat_to("%s@%s/page" % (u, DOMAIN), w)
        out, err = p.communicate(timeout=90)
        self.assertIn("said connected got hello disconnected", out, err[-2000:])
        wait_for("gh-access has heard of the end", lambda: not self.is_in(u), 10)

    @staticmethod
    def chat_to(jid, w):
        w.send("<message to='%s' type='chat'><body>hello</body></message>" % jid)


class Discovery(BoshCase):
    def documents(self):
        out = []
        for path in ("host-meta", "host-meta.json"):
            t = self.tls()
            t.sendall(("GET /.well-known/%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path, DOMAIN)).encode())
            r = http.client.HTTPResponse(t)
            r.begin()
            out.append(r.read().decode())
        xrd, links = ET.fromstring(out[0]), json.loads(out[1])["links"]
        return [(e.get("rel"), e.get("href")) for e in xrd], [(e["rel"], e["href"]) for e in links]

    def test_on_and_off(self):
        """XEP-0156: told in both forms while it is on; off, there is no place, and sessions end."""
        b = self.opened()
        told = ("urn:xmpp:alt-connections:xbosh", "https://%s/http-bind" % DOMAIN)
        for links in self.documents():
            self.assertEqual(links[1:], [told])
        b.put(b.head(len(b.text().encode())) + b.text(rid=b.rid))
        self.gh.commit("set proxy bosh off")
        self.addCleanup(self.gh.commit, "set proxy bosh on")
        self.ends(ET.fromstring(b.get()[2]), "system-shutdown")
        for links in self.documents():
            self.assertEqual([rel for rel, _ in links], ["urn:xmpp:alt-connections:websocket"])
        self.assertEqual(self.bosh().http(b.head(0))[0], 404)


class Sessions(BoshCase):
    def test_created(self):
        b = self.bosh()
        got = b.open("wait='20' hold='5' xml:lang='en'")
        self.assertEqual({k: got.get(k) for k in ("wait", "hold", "requests", "inactivity", "polling", "ver", "from")},
                         {"wait": "20", "hold": "1", "requests": "2", "inactivity": "60", "polling": "2", "ver": "1.11", "from": DOMAIN})
        self.assertRegex(b.sid, "^[0-9a-f]{40}$")
        self.assertEqual([raw.local(e.tag) for e in got], ["features"])
        names = [e.text for e in got.iter() if raw.local(e.tag) == "mechanism"]
        self.assertIn("SCRAM-SHA-256", names)
        self.assertEqual([n for n in names if n.endswith("-PLUS")], [])  # no channel is bound: requests come by any connection
        got = self.bosh().open("wait='999' hold='1'", ver="1.6")
        self.assertEqual((got.get("wait"), got.get("ver")), ("60", "1.6"))

    def test_chat(self):
        u, v = self.people("u", "v")
        w, b = self.client(v), self.in_(u)
        self.assertEqual(len(self.is_in(u)), 1)
        b.put(b.head(len(b.text().encode())) + b.text(rid=b.rid))  # held
        w.send("<message to='%s' type='chat'><body>to a browser</body></message>" % b.jid)
        got = ET.fromstring(b.get()[2])
        self.assertEqual(bodies(list(got)), ["to a browser"])
        b.put(b.head(len(b.text().encode())) + b.text(rid=b.rid))
        other = self.tls()
        text = b.text("<message xmlns='jabber:client' to='%s' type='chat'><body>from one</body></message>" % w.jid)
        b.put(b.head(len(text)) + text, other)
        self.assertEqual(len(ET.fromstring(b.get()[2])), 0)  # the older of two is answered (7.2)
        w.wait_body("from one")
        self.ends(b.say("<presence xmlns='jabber:client' type='unavailable'/>", "type='terminate'"), None)
        self.ends(ET.fromstring(b.get(other)[2]), None)  # the one that was held
        wait_for("gh-access has heard of the end", lambda: not self.is_in(u), 10)
        self.ends(b.say(), "item-not-found")

    def test_broken_connection(self):
        """14.3: an answer that did not arrive is given again, and what came for a connection that is gone waits for the next."""
        u, v = self.people("u", "v")
        w, b = self.client(v), self.in_(u)
        first = self.tls()
        text = b.text()
        b.put(b.head(len(text)) + text, first)
        wait_for("it is held", lambda: self.is_in(u), 5)
        first.close()
        w.send("<message to='%s' type='chat'><body>twice</body></message>" % b.jid)
        arrived(w)
        got = b.post(text)
        self.assertEqual(bodies(list(got)), ["twice"])
        self.assertEqual(bodies(list(b.post(text))), ["twice"])
        self.assertIsNone(b.say("<iq xmlns='jabber:client' id='1' type='get' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>" % DOMAIN).get("type"))

    def test_keys(self):
        """15: who does not know the chain is out."""
        keys = ["seed"]
        while len(keys) < 6:
            keys.append(hashlib.sha1(keys[-1].encode()).hexdigest())
        b = self.opened("newkey='%s'" % keys.pop())
        ping = "<iq xmlns='jabber:client' id='1' type='get'/>"
        self.ends(b.say(ping, "key='%s'" % keys.pop()), "remote-stream-error")  # gh-access has seen it: nobody is logged in
        b = self.opened("newkey='%s'" % hashlib.sha1(b"x").hexdigest())
        self.ends(b.say(ping, "key='%s'" % ("0" * 40)), "item-not-found")

    def test_stream_error(self):
        b = self.opened()
        got = b.say("<nonsense xmlns='urn:x'/>")
        self.ends(got, "remote-stream-error")
        self.assertEqual([raw.local(e.tag) for e in got], ["error"])


class Refusals(BoshCase):
    def test_http(self):
        b = self.bosh()
        for text, status in ((b.head(0, "GET"), 405), (b.head(0, "PUT"), 405), (b.head(20000), 413),
                             (b.head(0).replace(DOMAIN, "elsewhere.example"), 421), (b.head(0).replace("http-bind", "http-bind/"), 404)):
            with self.subTest(text[:40]):
                self.assertEqual(self.bosh().http(text)[0], status)
        chunks = "POST /http-bind HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % DOMAIN + ("1000\r\n" + "x" * 4096 + "\r\n") * 5
        self.assertEqual(self.bosh().http(chunks)[0], 413)
        status, fields, _ = self.bosh().http(b.head(0, "OPTIONS", "Origin: https://a.example\r\n"))
        self.assertEqual((status, fields["access-control-allow-origin"], fields["access-control-allow-methods"]), (204, "*", "OPTIONS, POST"))

    def test_origins(self):
        self.gh.commit("set proxy origin chat https://chat.example")
        self.addCleanup(self.gh.commit, "delete proxy origin chat")
        self.assertEqual(self.bosh().http(self.bosh().head(0, more="Origin: https://evil.example\r\n"))[0], 403)
        status, fields, _ = self.bosh().http(self.bosh().head(0, more="Origin: https://chat.example\r\n"))
        self.assertEqual((status, fields["access-control-allow-origin"]), (200, "https://chat.example"))

    def test_bodies(self):
        """bad-request, and no session is made of it."""
        before = self.sessions()
        good = "<body xmlns='%s' rid='1' to='%s'/>" % (BOSH, DOMAIN)
        for text in ("", "x", good + good, good[:-2], "<!DOCTYPE body>" + good, "<?xml version='1.0'?>" + good, good.replace("body", "head"),
                     good.replace(BOSH, "urn:x"), good.replace("rid='1'", ""), good.replace("'1'", "'-1'"), good.replace("'1'", "'9007199254740993'"),
                     good.replace("rid", "type='get' rid"), good.replace("rid", "pause='5' rid"), good.replace("rid", "ver='x' rid"),
                     good.replace("rid", "content='text/html' rid"), good.replace("rid", "newkey='short' rid"), good.replace("rid", "wait='x' rid"),
                     good.replace("/>", ">text</body>"), good.replace("/>", "><presence xmlns='jabber:client'/></body>"),
                     good.replace("/>", ">" + "<a xmlns='urn:x'>" * 40 + "</a>" * 40 + "</body>")):
            with self.subTest(text[-120:]):
                self.ends(self.bosh().post(text), "bad-request")
        self.ends(self.bosh().post(good.replace("to=", "from=")), "improper-addressing")
        self.ends(self.bosh().post(good.replace(DOMAIN, "elsewhere.example")), "host-unknown")
        self.ends(self.bosh().post(good.replace("rid", "sid='%s' rid" % ("0" * 40))), "item-not-found")
        self.assertEqual(self.sessions(), before)

    def sessions(self):
        return [r["value"] for r in self.gh.records("show", "counters", "gh-proxy") if r["counter"] == "proxy.bosh"]

    def test_order(self):
        """14.2: beyond the window, or answered too long ago, is the end of the session."""
        for step in (2, 3, 1000, -5):
            with self.subTest(step):
                b = self.opened()
                self.ends(b.say(rid=b.rid + step + 1 if step > 0 else b.rid + step), "item-not-found")
                self.ends(b.say(), "item-not-found")

    def test_too_often(self):
        """11: who polls faster than was allowed."""
        b = self.opened("wait='0' hold='0'")
        b.say()
        self.ends(b.say(), "policy-violation")

    def test_restart_before_login(self):
        self.ends(self.opened().say("", "xmpp:restart='true'"), "bad-request")

    def test_limits(self):
        self.gh.commit("set proxy bosh-sessions-address 1")
        self.addCleanup(self.gh.commit, "delete proxy bosh-sessions-address")
        b = self.opened()
        self.ends(self.bosh().open(), "policy-violation")
        self.gh.commit("set proxy bosh-sessions-address 2", "set proxy bosh-sessions 1")
        self.addCleanup(self.gh.commit, "delete proxy bosh-sessions")
        self.ends(self.bosh().open(), "internal-server-error")
        self.ends(b.say("", "type='terminate'"), None)
        wait_for("there is room again", lambda: self.bosh().open().get("sid"), 10, 0.5)

    def test_drain(self):
        self.gh.records("client", "drain")
        self.addCleanup(self.gh.records, "client", "drain", "off")
        self.ends(self.bosh().open(), "remote-connection-failed")
