"""Python's Tornado, as client and as server; see python_peer.py. It sends whole messages only."""

from tornado import web, websocket
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

import python_peer as peer


class Accepted(websocket.WebSocketHandler):
    on_message = staticmethod(peer.tell_message)
    on_pong = staticmethod(peer.tell_pong)

    def initialize(self, owner):
        self.owner = owner

    def get_compression_options(self):
        return {}

    def select_subprotocol(self, subprotocols):
        return next((name for name in subprotocols if name in peer.SUBPROTOCOLS), None)

    def open(self):
        self.owner.connection = self
        peer.tell_open(self.selected_subprotocol)

    def on_close(self):
        peer.tell_closed(self.close_code, self.close_reason or "")


class Tornado:
    def __init__(self):
        self.connection = None

    async def listen(self):
        (socket,) = bind_sockets(0, "127.0.0.1")
        HTTPServer(web.Application([("/", Accepted, {"owner": self})])).add_socket(socket)
        return socket.getsockname()[1]

    async def connect(self, url, subprotocols):
        def receive(message):
            if message is None:
                peer.tell_closed(connection.close_code, connection.close_reason or "")
            else:
                peer.tell_message(message)

        connection = await websocket.websocket_connect(
            url, on_message_callback=receive, subprotocols=subprotocols or None, compression_options={}
        )
        connection.on_pong = peer.tell_pong
        self.connection = connection
        peer.tell_open(connection.selected_subprotocol)

    async def send(self, message):
        await self.connection.write_message(message, binary=isinstance(message, bytes))

    async def ping(self, payload):
        self.connection.ping(payload)

    async def close(self, code, reason):
        self.connection.close(code, reason)


peer.run(Tornado)
