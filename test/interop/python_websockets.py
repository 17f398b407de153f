"""The websockets library for Python, as client and as server; see python_peer.py."""

import asyncio

import websockets

import python_peer as peer


class Websockets:
    def __init__(self):
        self.connection = None
        self.parts = None
        self.tasks = set()

    async def listen(self):
        server = await websockets.serve(
            self.talk, "127.0.0.1", 0, subprotocols=peer.SUBPROTOCOLS, max_size=peer.MAX_MESSAGE_BYTES
        )
        return server.sockets[0].getsockname()[1]

    async def connect(self, url, subprotocols):
        connection = await websockets.connect(
            url, subprotocols=subprotocols or None, max_size=peer.MAX_MESSAGE_BYTES
        )
        self.start(self.talk(connection))

    async def talk(self, connection):
        self.connection = connection
        peer.tell_open(connection.subprotocol)
        try:
            while True:
                peer.tell_message(await connection.recv())
        except websockets.ConnectionClosed as closed:
            received = closed.rcvd
            peer.tell_closed(received and received.code, received and received.reason)

    async def send(self, message):
        await self.connection.send(message)

    async def part(self, message, is_last):
        if self.parts is None:
            self.parts = asyncio.Queue()
            self.start(self.connection.send(self.drain(self.parts)))
        self.parts.put_nowait(message)
        if is_last:
            self.parts.put_nowait(None)
            self.parts = None

    async def drain(self, parts):
        while (message := await parts.get()) is not None:
            yield message

    async def ping(self, payload):
        await (await self.connection.ping(payload))
        # It fulfils the ping whose payload the pong has.
        peer.tell_pong(payload)

    async def close(self, code, reason):
        await self.connection.close(code, reason)

    def start(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


peer.run(Websockets)
