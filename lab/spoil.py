"""Faults in the answers of a running lab's DNS pods, without a change of the pods.

`python -m lab.spoil start FAULT… | stop` runs on a node, in its namespaces. In the network
namespace of every DNS pod there, packets to port 53 are led to a little proxy, which asks the
pod's own server over the loopback device and spoils what it answers (see `lab.faults`).
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.faults import FAULTS, Fault, spoil
from lab.paths import REPOSITORY

_PORT = 5399
_PIDS = Path("/run/clusterdns-spoil.pids")
_SECONDS = 10.0
_UDP_SIZE = 65535
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h; the socket module has no name for it
_BUFFER = 1 << 22  # octets
_DELAYS = {"slow": 0.3, "slower": 0.03}  # seconds that answers are kept back for
"""Not a fault of what is answered: every answer comes late."""


def start(faults: Sequence[str]) -> None:
    """Spoil the answers of every DNS pod of this node."""
    pids = []
    for pid in _dns_pods():
        serve = [sys.executable, "-m", "lab.spoil", "serve", *faults]
        process = subprocess.Popen(
            [*_inside(pid), *serve],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        pids.append(f"{process.pid} {pid}")
        _PIDS.write_text("\n".join(pids))
        if process.stdout is None or not process.stdout.readline():
            raise SystemExit(f"spoil: the proxy for process {pid} did not start")
        _rules(pid, "-A")


def stop() -> None:
    """Undo it."""
    lines = _PIDS.read_text().splitlines() if _PIDS.exists() else []
    for line in lines:
        process, pid = map(int, line.split())
        with contextlib.suppress(subprocess.CalledProcessError):  # the pod has gone, and its rules too
            _rules(pid, "-D")
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
    _PIDS.unlink(missing_ok=True)


def _dns_pods() -> Iterator[int]:
    """Yield a process of every pod of this node that serves DNS in a network namespace of its own."""
    seen = {Path("/proc/self/ns/net").readlink()}
    listed = subprocess.run(
        ["ctr", "-n", "k8s.io", "tasks", "list"], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines()[1:]:
        pid = int(line.split()[1])
        folder = Path("/proc", str(pid))
        with contextlib.suppress(OSError):
            namespace = (folder / "ns" / "net").readlink()
            if namespace not in seen and _listens(folder):
                seen.add(namespace)
                yield pid


def _listens(process: Path) -> bool:
    """Whether somebody in a process' network namespace has UDP port 53."""
    tables = (process / "net" / "udp").read_text() + (process / "net" / "udp6").read_text()
    return any(line.split()[1].endswith(":0035") for line in tables.splitlines() if ":" in line)


def _inside(pid: int) -> list[str]:
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]


def _rules(pid: int, how: str) -> None:
    for protocol in ("udp", "tcp"):
        rule = ["-p", protocol, "--dport", "53", "-j", "REDIRECT", "--to-ports", str(_PORT)]
        argv = [*_inside(pid), "iptables", "-w", "-t", "nat", how, "PREROUTING", *rule]
        subprocess.run(argv, check=True, capture_output=True)


async def _serve(faults: Sequence[Fault], delay: float) -> None:
    loop = asyncio.get_running_loop()

    class Udp(asyncio.DatagramProtocol):
        transport: asyncio.DatagramTransport
        tasks: set[asyncio.Task[None]] = set()  # noqa: RUF012 - one proxy a process

        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            task = loop.create_task(self.answer(data, addr))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

        async def answer(self, query: bytes, client: tuple[str, int]) -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
                upstream.settimeout(0)
                upstream.connect(("127.0.0.1", 53))
                upstream.send(query)
                with contextlib.suppress(OSError, asyncio.TimeoutError):
                    wire = await asyncio.wait_for(loop.sock_recv(upstream, _UDP_SIZE), _SECONDS)
                    await asyncio.sleep(delay)
                    self.transport.sendto(spoil(wire, faults), client)

    async def tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.IncompleteReadError):
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", 53)
            with contextlib.closing(upstream_writer):
                while True:
                    upstream_writer.write(await _message(reader))
                    answer = spoil((await _message(upstream_reader))[2:], faults)
                    await asyncio.sleep(delay)
                    writer.write(len(answer).to_bytes(2, "big") + answer)
                    await writer.drain()
        writer.close()

    transport, _ = await loop.create_datagram_endpoint(Udp, local_addr=("0.0.0.0", _PORT))  # noqa: S104 - in a pod
    # Slower than the server that it stands before: what that has room for must not be lost here.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    server = await asyncio.start_server(tcp, "0.0.0.0", _PORT)  # noqa: S104 - in a pod
    print("ready", flush=True)
    await server.serve_forever()


async def _message(reader: asyncio.StreamReader) -> bytes:
    size = await reader.readexactly(2)
    return size + await reader.readexactly(int.from_bytes(size, "big"))


def main() -> None:
    """Run the command line."""
    verb, *faults = sys.argv[1:]
    if verb == "start":
        start(faults)
    elif verb == "stop":
        stop()
    else:
        delay = sum(_DELAYS.get(fault, 0) for fault in faults)
        asyncio.run(_serve([FAULTS[fault] for fault in faults if fault not in _DELAYS], delay))


if __name__ == "__main__":
    main()
