"""The one door between host and lab: a socket opened on the host, relayed to the API server inside."""

import asyncio
import contextlib
import socket
import threading

_CHUNK = 1 << 18


def start(listener: socket.socket, address: str, port: int) -> None:
    """Relay every connection that `listener` accepts to `address`:`port`, in a thread of its own."""

    async def serve() -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                far_reader, far_writer = await asyncio.open_connection(address, port, limit=_CHUNK)
            except OSError:  # not up yet, or gone: the client sees its connection closed
                writer.close()
                return
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

        server = await asyncio.start_server(connected, sock=listener, limit=_CHUNK)
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(serve()), name="relay", daemon=True).start()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
            return
    writer.close()
