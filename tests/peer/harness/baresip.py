"""baresip of Debian as a person's SIP client, on loopback, driven through its ctrl_tcp; what it shows
its user (messages) comes through its cons.

    b = Baresip(place, "romeo", "near.example", server="127.9.1.2:5070", contacts=["sip:juliet@near.example"]).start()
    b.registered(); b.message("sip:juliet@near.example", "hi"); b.wait_message("ho")
"""
import json
import os
import queue
import socket
import threading
import time

from .place import Failed, Program, need, wait_for

MODULES = "/usr/lib/baresip/modules"
CONFIG = """
sip_listen {addr}:5060
sip_certificate {pem}
sip_cafile {ca}
sip_verify_server {verify}
net_interface {addr}
module_path {modules}
module g711.so
module uuid.so
module account.so
module contact.so
{presence}
module menu.so
module ctrl_tcp.so
module cons.so
cons_listen {addr}:5555
ctrl_tcp_listen {addr}:4444
audio_player aufile,{dir}/none
"""


class Baresip:
    """server: ADDR:PORT of the registrar, how: udp, tcp or tls."""

    def __init__(self, place, user, domain, server, how="tcp", password="secret", contacts=(), ca="", cert=None,
                 presence=False, interval=60, name=None, outbound=False, addr=None):
        self.place, self.user, self.domain, self.how = place, user, domain, how
        self.addr = addr or place.addr()
        self.name = name or "baresip-" + user
        self.dir = place.path(self.name)
        self.events, self.answers, self.token, self.shown = queue.Queue(), {}, 0, ""
        os.makedirs(self.dir, exist_ok=True)
        place.write(self.name + "/config", CONFIG.format(
            addr=self.addr, modules=MODULES, dir=self.dir, ca=ca, verify="yes" if ca else "no",
            pem=self._pem(cert), presence="module presence.so" if presence else ""))
        place.write(self.name + "/accounts", '<sip:%s@%s;transport=%s>;auth_user=%s;auth_pass=%s;regint=%d;outbound="sip:%s'
                    ';transport=%s"%s%s\n' % (user, domain, how, user, password, interval, server, how,
                                              ";pubint=60" if presence else "", ";sipnat=outbound" if outbound else ""))
        place.write(self.name + "/contacts", "".join('"%s" <%s>%s\n' % (
            c, c, ";presence=p2p" if presence else "") for c in contacts))

    def _pem(self, cert):
        return self.place.write(self.name + "/own.pem", cert.text() + cert.key_text()) if cert else ""

    def start(self):
        self.program = Program(self.place, self.name, [need("stdbuf"), "-oL", need("baresip"), "-f", self.dir, "-v"], cwd=self.dir)
        self.sock = wait_for("%s has its control" % self.name, lambda: self._connect(4444), 10)
        self.screen = wait_for("%s has its console" % self.name, lambda: self._connect(5555), 10)
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()
        self.place.on_close(self.sock.close)
        self.place.on_close(self.screen.close)
        return self

    def _connect(self, port):
        try:
            s = socket.create_connection((self.addr, port), 1)
            s.settimeout(None)
            return s
        except OSError:
            return None

    def _watch(self):
        while True:
            try:
                more = self.screen.recv(65536)
            except OSError:
                return
            if not more:
                return
            self.shown += more.decode(errors="replace")

    def _read(self):
        data = b""
        while True:
            try:
                more = self.sock.recv(65536)
            except OSError:
                return
            if not more:
                return
            data += more
            while True:  # netstrings
                size, sep, rest = data.partition(b":")
                if not sep or len(rest) < int(size) + 1:
                    break
                self._take(json.loads(rest[:int(size)]))
                data = rest[int(size) + 1:]

    def _take(self, got):
        if got.get("response"):
            self.answers[got.get("token")] = got
        else:
            self.events.put(got)

    def do(self, command, params=""):
        """One command; its answer's text."""
        self.token += 1
        token = str(self.token)
        text = json.dumps({"command": command, "params": params, "token": token}).encode()
        self.sock.sendall(b"%d:%s," % (len(text), text))
        return wait_for("%s answers %s" % (self.name, command), lambda: self.answers.get(token), 10).get("data", "")

    def wait_event(self, want, seconds=10, what="event"):
        end, seen = time.monotonic() + seconds, []
        while True:
            try:
                got = self.events.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise Failed("%s: %s did not come; there was %r" % (self.name, what, seen)) from None
            if want(got):
                return got
            seen.append(got)

    def registered(self, seconds=10):
        """For the first time: it may have been before anybody listened to its events."""
        return wait_for("%s is registered" % self.name, lambda: "200 OK" in self.program.text(), seconds)

    def registered_again(self, seconds=30):
        while not self.events.empty():
            self.events.get()
        return self.wait_event(lambda e: e.get("type") == "REGISTER_OK", seconds, "registration")

    def message(self, text):
        """To the first contact."""
        return self.do("message", text)

    def wait_message(self, text, seconds=10):
        """Its user sees: sender: "text"."""
        return wait_for("%s shows '%s', not only %r" % (self.name, text, self.shown),
                        lambda: '"%s"' % text in self.shown, seconds)

    def stop(self):
        self.program.stop()
