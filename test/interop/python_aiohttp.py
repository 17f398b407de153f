"""Python's aiohttp, as client and as server; see python_peer.py. It sends whole messages only."""

import asyncio

import aiohttp
from aiohttp import web

import python_peer as peer


class Aiohttp:
    def __init__(self):
        self.connection = None
        self.session = None
        self.task = None
        self.receiving = None
        self.ending = None

    async def listen(self):
        self.session = aiohttp.ClientSession()
        application = web.Application()
        application.add_routes([web.get("/", self.accept)])
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner.addresses[0][1]

    async def accept(self, request):
        # Without autoping it would keep pongs to itself, but leaves pings to be answered here.
        connection = web.WebSocketResponse(protocols=peer.SUBPROTOCOLS, autoping=False)
        await connection.prepare(request)
        await self.talk(connection, connection.ws_protocol)
        return connection

    async def connect(self, url, subprotocols):
        connection = await self.session.ws_connect(url, protocols=subprotocols, autoping=False, compress=15)
        self.task = asyncio.ensure_future(self.talk(connection, connection.protocol))

    async def talk(self, connection, subprotocol):
        self.connection = connection
        self.ending = None
        peer.tell_open(subprotocol)
        while self.ending is None:
            self.receiving = asyncio.ensure_future(connection.receive())
            try:
                message = await self.receiving
            except asyncio.CancelledError:
                break
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                peer.tell_message(message.data)
            elif message.type == aiohttp.WSMsgType.PING:
                await connection.pong(message.data)
            elif message.type == aiohttp.WSMsgType.PONG:
                peer.tell_pong(message.data)
            elif message.type == aiohttp.WSMsgType.CLOSE:
                return peer.tell_closed(message.data, message.extra)
            else:
                return peer.tell_closed(connection.close_code, None)
        code, reason = self.ending
        await connection.close(code=code, message=reason.encode())
        peer.tell_closed(connection.close_code, None)

    async def send(self, message):
        if isinstance(message, str):
            await self.connection.send_str(message)
        else:
            await self.connection.send_bytes(message)

    async def ping(self, payload):
        await self.connection.ping(payload)

    async def close(self, code, reason):
        # close() beside a receive() would not wait for the answer.
        self.ending = (code, reason)
        self.receiving.cancel()


peer.run(Aiohttp)
