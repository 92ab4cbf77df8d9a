"""XMPP over WebSocket (RFC 7395) with Debian's websockets library, from a test that waits."""
import asyncio
import base64
import threading
import xml.etree.ElementTree as ET

import websockets

FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


class WsClient:
    """send(text), next(): one message. Failures are those of the library: InvalidStatusCode, ConnectionClosed."""

    def __init__(self, addr, port, context, host, origin=None, path="/xmpp-websocket", subprotocols=("xmpp",), seconds=10):
        self.seconds, self.host = seconds, host
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.ws = self.wait(self._dial("wss://%s:%d%s" % (host, port, path), host=addr, port=port, ssl=context, server_hostname=host,
                                       origin=origin, subprotocols=list(subprotocols)))

    @staticmethod
    async def _dial(uri, **options):
        return await websockets.connect(uri, **options)

    def wait(self, coroutine):
        async def bounded():
            return await asyncio.wait_for(coroutine, self.seconds)
        return asyncio.run_coroutine_threadsafe(bounded(), self.loop).result()

    def send(self, data):
        self.wait(self.ws.send(data))

    def next(self):
        return ET.fromstring(self.wait(self.ws.recv()))

    def until(self, tag):
        while True:
            e = self.next()
            if e.tag.rsplit("}", 1)[-1] == tag:
                return e

    def open(self, to=None):
        self.send("<open xmlns='%s' to='%s' version='1.0'/>" % (FRAMING, to or self.host))
        return self.next(), self.next()

    def login(self, user, password):
        """Up to the features after SASL."""
        self.open()
        self.send("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (
            SASL, base64.b64encode(("\0%s\0%s" % (user, password)).encode()).decode()))
        answer = self.next()
        if answer.tag != "{%s}success" % SASL:
            raise ValueError(answer.tag)
        return self.open()

    def bind(self, resource):
        self.send("<iq xmlns='jabber:client' id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                  "<resource>%s</resource></bind></iq>" % resource)
        return next(e.text for e in self.until("iq").iter() if e.tag.endswith("}jid"))

    def close_code(self):
        """Reads on until the server has closed."""
        try:
            while True:
                self.next()
        except websockets.ConnectionClosed as e:
            return e.rcvd.code if e.rcvd else None

    def cut(self):
        self.ws.transport.abort()

    def close(self):
        self.wait(self.ws.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
