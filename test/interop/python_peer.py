"""What the programs of Python's libraries have in common: the lines of peer.ts on stdin and stdout.

A library's own part is a class with the coroutines listen, connect, send, part, ping and close.
"""

import asyncio
import base64
import json
import sys
import traceback

SUBPROTOCOLS = ["chat", "mail"]

# Above what any exchange sends.
MAX_MESSAGE_BYTES = 4 << 20


def tell(*line):
    print(json.dumps(line), flush=True)


def tell_open(subprotocol):
    tell("open", subprotocol or "")


def tell_message(message):
    if isinstance(message, str):
        tell("message", "text", message)
    else:
        tell("message", "binary", base64.b64encode(message).decode())


def tell_pong(payload):
    tell("pong", payload.decode())


def tell_closed(code, reason):
    tell("closed", code, reason)


def decode(kind, data):
    return data if kind == "text" else base64.b64decode(data)


async def obey(library, name, *values):
    if name == "connect":
        await library.connect(*values)
    elif name == "send":
        await library.send(decode(*values))
    elif name == "part":
        kind, data, is_last = values
        await library.part(decode(kind, data), is_last)
    elif name == "ping":
        await library.ping(values[0].encode())
    elif name == "close":
        await library.close(*values)


async def serve(library):
    tell("listening", await library.listen())
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            await obey(library, *json.loads(line))
        except Exception:
            tell("failed", traceback.format_exc())


def run(library_class):
    async def main():
        await serve(library_class())

    asyncio.run(main())
