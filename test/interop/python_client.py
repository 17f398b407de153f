"""One exchange of Python's websockets, as the client, with a server; what it saw goes to stdout as JSON.

Usage: python_client.py ORIGIN EXCHANGE, such as: python_client.py ws://127.0.0.1:8000 text
"""

import asyncio
import hashlib
import json
import sys

import websockets

MEBIBYTE = 1 << 20


def digest(message):
    """What kind of message it is, how long, and which: too long to be printed itself."""
    kind = "text" if isinstance(message, str) else "binary"
    data = message.encode() if isinstance(message, str) else message
    return [kind, len(data), hashlib.sha256(data).hexdigest()]


async def until_closed(connection):
    """The messages until the end, and the code and reason of the Close frame that was received."""
    messages = []
    try:
        while True:
            messages.append(await connection.recv())
    except websockets.ConnectionClosed as closed:
        return messages, [closed.rcvd.code, closed.rcvd.reason] if closed.rcvd else None


async def text(connect):
    async with connect("/echo/") as connection:
        received = []
        for message in ["Hello, World!", "你好", "🎉", "", "\0"]:
            await connection.send(message)
            received.append(await connection.recv())
        return received


async def binary(connect):
    async with connect("/echo/") as connection:
        received = []
        for message in [bytes(range(256)), b"", b"\xff"]:
            await connection.send(message)
            received.append((await connection.recv()).hex())
        return received


async def mebibyte(connect):
    async with connect("/echo/") as connection:
        received = []
        for message in [bytes(MEBIBYTE), "é" * (MEBIBYTE // 2)]:
            await connection.send(message)
            received.append(digest(await connection.recv()))
        return received


async def fragments(connect):
    async with connect("/echo/") as connection:
        await connection.send(["Hel", "", "lo, ", "世界"])
        received = [await connection.recv()]
        await connection.send([bytes([number]) * 1000 for number in range(256)])
        return received + digest(await connection.recv())


async def ping_amid_fragments(connect):
    async with connect("/echo/") as connection:
        pongs = []

        async def parts():
            for part in ["one ", "two ", "three"]:
                yield part
                await (await connection.ping("amid " + part))
                pongs.append(part)

        await connection.send(parts())
        return pongs, await connection.recv()


async def pings(connect):
    async with connect("/echo/") as connection:
        waiters = [await connection.ping(bytes([number]) * number) for number in range(126)]
        await asyncio.gather(*waiters)
        return len(waiters)


async def pipeline(connect):
    async with connect("/echo/") as connection:

        async def send():
            for number in range(1000):
                await connection.send(str(number))

        sending = asyncio.create_task(send())
        received = [int(await connection.recv()) for _ in range(1000)]
        await sending
        return received == list(range(1000))


async def close(connect):
    async with connect("/echo/") as connection:
        await connection.close(4000, "enough")
        return await until_closed(connection)


async def server_closes(connect):
    async with connect("/websocket/") as connection:
        await connection.send("only one")
        return await until_closed(connection)


async def big_then_server_closes(connect):
    async with connect("/websocket/") as connection:
        await connection.send(bytes(MEBIBYTE))
        messages, received = await until_closed(connection)
        return [digest(message) for message in messages], received


async def big_then_close(connect):
    async with connect("/echo/") as connection:
        await connection.send(bytes(MEBIBYTE))
        await connection.close()
        _, received = await until_closed(connection)
        return received


async def too_big(connect):
    async with connect("/echo/") as connection:
        await connection.send(bytes(MEBIBYTE + 1))
        messages, received = await until_closed(connection)
        return messages, received[0]


async def main(origin, exchange):
    result = await globals()[exchange](lambda path: websockets.connect(origin + path))
    print(json.dumps(result))


asyncio.run(main(*sys.argv[1:]))
