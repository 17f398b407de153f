"""Python's Autobahn on asyncio, as client and as server; see python_peer.py."""

import asyncio
from urllib.parse import urlsplit

from autobahn.asyncio import websocket

import python_peer as peer


# Seconds instead of one and five: a machine may be slow.
TIMES = {"openHandshakeTimeout": 60, "closeHandshakeTimeout": 60}


class Talk:
    """What both of its ends have in common."""

    def onOpen(self):
        self.factory.owner.connection = self
        peer.tell_open(self.websocket_protocol_in_use)

    def onMessage(self, payload, isBinary):
        peer.tell_message(payload if isBinary else payload.decode())

    def onPong(self, payload):
        peer.tell_pong(payload)

    def onClose(self, wasClean, code, reason):
        # What was received: if there was nothing, code and reason are Autobahn's own.
        peer.tell_closed(self.remoteCloseCode, self.remoteCloseReason or "")


class Accepted(Talk, websocket.WebSocketServerProtocol):
    def onConnect(self, request):
        return next((name for name in request.protocols if name in peer.SUBPROTOCOLS), None)


class Connected(Talk, websocket.WebSocketClientProtocol):
    pass


class Autobahn:
    def __init__(self):
        self.connection = None
        self.is_amid_message = False

    async def listen(self):
        factory = websocket.WebSocketServerFactory(protocols=peer.SUBPROTOCOLS)
        factory.setProtocolOptions(**TIMES)
        factory.protocol = Accepted
        factory.owner = self
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def connect(self, url, subprotocols):
        factory = websocket.WebSocketClientFactory(url, protocols=subprotocols)
        factory.setProtocolOptions(serverConnectionDropTimeout=60, **TIMES)
        factory.protocol = Connected
        factory.owner = self
        address = urlsplit(url)
        await asyncio.get_running_loop().create_connection(factory, address.hostname, address.port)

    async def send(self, message):
        data = message.encode() if isinstance(message, str) else message
        self.connection.sendMessage(data, isBinary=isinstance(message, bytes))

    async def part(self, message, is_last):
        if not self.is_amid_message:
            self.connection.beginMessage(isBinary=isinstance(message, bytes))
        self.connection.sendMessageFrame(message.encode() if isinstance(message, str) else message)
        if is_last:
            self.connection.endMessage()
        self.is_amid_message = not is_last

    async def ping(self, payload):
        self.connection.sendPing(payload)

    async def close(self, code, reason):
        self.connection.sendClose(code, reason)


peer.run(Autobahn)
