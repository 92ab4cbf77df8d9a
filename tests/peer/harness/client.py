"""slixmpp as a client, driven from a test that waits: its loop runs in a thread of its own."""
import asyncio
import queue
import threading
import time

import slixmpp

from .place import Failed

PLUGINS = ("xep_0030", "xep_0054", "xep_0092", "xep_0115", "xep_0191", "xep_0198", "xep_0199", "xep_0202",
           "xep_0280", "xep_0352")


class SlixClient:
    """Logged in when it is made. messages, presences: queues of what came."""

    def __init__(self, server, user, resource="slix", ca=None, priority=0, seconds=15, mechanism=None, port=5222,
                 direct=False, password=None, plugins=(), before=None):
        self.server, self.seconds, self.is_closed = server, seconds, False
        self.messages, self.presences, self.carbons = queue.Queue(), queue.Queue(), queue.Queue()
        self.errors = queue.Queue()
        self.ready, self.failed = threading.Event(), None
        self.loop = asyncio.new_event_loop()
        self.mechanism, self.port, self.direct = mechanism, port, direct
        self.jid = "%s@%s/%s" % (user, server.domain, resource)
        self.bare = "%s@%s" % (user, server.domain)
        self.password = password or server.users.get(user, "secret")
        self.ca, self.priority = ca, priority
        self.plugins, self.before = plugins, before  # before: called with slixmpp's client when its plugins are there
        self.thread = threading.Thread(target=self._main, daemon=True)
        self.thread.start()
        if not self.ready.wait(seconds) or self.failed:
            raise Failed("slixmpp as %s: %s" % (self.jid, self.failed or "not logged in in time"))

    def _main(self):
        asyncio.set_event_loop(self.loop)
        x = self.x = slixmpp.ClientXMPP(self.jid, self.password, sasl_mech=self.mechanism)
        x.loop = self.loop
        x.ca_certs = self.ca
        x.auto_authorize = x.auto_subscribe = None
        for p in PLUGINS + tuple(self.plugins):
            x.register_plugin(p)
        if self.before:
            self.before(x)
        x.add_event_handler("session_start", self._start)
        x.add_event_handler("session_resumed", lambda _: self.ready.set())
        x.add_event_handler("failed_all_auth", lambda _: self._fail("no mechanism worked"))
        x.add_event_handler("message", self.messages.put)
        x.add_event_handler("message_error", self.errors.put)
        for name in ("presence_available", "presence_unavailable", "presence_subscribe", "presence_subscribed",
                     "presence_unsubscribe", "presence_unsubscribed"):
            x.add_event_handler(name, self.presences.put)
        for name in ("carbon_sent", "carbon_received"):
            x.add_event_handler(name, self.carbons.put)
        x.connect(address=(self.server.addr, self.port), use_ssl=self.direct)
        self.loop.run_forever()

    def _fail(self, why):
        self.failed = why
        self.ready.set()

    async def _start(self, _):
        try:
            await self.x.get_roster()
            self.x.send_presence(ppriority=self.priority)
            await self.x.plugin["xep_0199"].ping(self.server.domain, timeout=self.seconds)
        except Exception as e:
            self._fail(repr(e))
            return
        self.ready.set()

    def do(self, coroutine):
        """Runs one of slixmpp's coroutines (or futures) to its end."""
        async def waiter():
            return await asyncio.wait_for(coroutine() if callable(coroutine) else coroutine, self.seconds)
        return asyncio.run_coroutine_threadsafe(waiter(), self.loop).result(self.seconds + 2)

    def call(self, fn, *args, **words):
        async def once():
            return fn(*args, **words)
        return asyncio.run_coroutine_threadsafe(once(), self.loop).result(self.seconds)

    def say(self, to, body):
        self.call(self.x.send_message, mto=to, mbody=body, mtype="chat")

    @staticmethod
    def wait(q, want, seconds=10, what="stanza"):
        end = time.monotonic() + seconds
        while True:
            try:
                got = q.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise Failed("%s did not come" % what) from None
            if want(got):
                return got

    def wait_body(self, body, seconds=10):
        return self.wait(self.messages, lambda m: m["body"] == body, seconds, "message '%s'" % body)

    def wait_presence(self, from_, kind, seconds=10):
        return self.wait(self.presences, lambda p: str(p["from"]).startswith(from_) and p["type"] == kind, seconds,
                         "presence %s from %s" % (kind, from_))

    def close(self):
        if self.is_closed:
            return
        self.is_closed = True

        async def end():
            self.x.disconnect(wait=0.5)
            await asyncio.sleep(0.6)
        try:
            asyncio.run_coroutine_threadsafe(end(), self.loop).result(5)
        except Exception:
            pass
        self.loop.call_soon_threadsafe(self.loop.stop)
