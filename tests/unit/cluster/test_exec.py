import json
import socket
from collections.abc import Callable

import pytest
import websocket
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.cluster.exec import ExecSession
from clusterdns.errors import ProbeError

BINARY, CLOSE, PING = websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_CLOSE, websocket.ABNF.OPCODE_PING
SUCCESS = b'\x03{"status": "Success"}'
Frame = tuple[int, bytes] | Exception


class FakeSocket:
    """Gives frames, then times out; remembers what it was sent."""

    def __init__(self, *frames: Frame) -> None:
        self.frames: list[Frame] = []
        self.sent: list[bytes] = []
        self.closed = False
        self.sock, self._other_end = socket.socketpair()
        for frame in frames:
            self.push(frame)

    def __del__(self) -> None:
        self.sock.close()
        self._other_end.close()

    def push(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._other_end.send(b".")

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, payload: bytes, opcode: int) -> None:
        assert opcode == BINARY
        self.sent.append(payload)

    def recv_data_frame(self, control_frame: bool) -> tuple[int, websocket.ABNF]:  # noqa: FBT001 - its signature
        assert control_frame
        if not self.frames:
            raise websocket.WebSocketTimeoutException
        frame = self.frames.pop(0)
        self.sock.recv(1)
        if isinstance(frame, Exception):
            raise frame
        return frame[0], websocket.ABNF(opcode=frame[0], data=frame[1])

    def shutdown(self) -> None:
        self.closed = True


def session(*frames: Frame) -> tuple[ExecSession, FakeSocket]:
    fake = FakeSocket(*frames)
    return ExecSession(fake, "echo in pod p"), fake  # type: ignore[arg-type]


def status(code: int) -> bytes:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return b"\x03" + json.dumps({"status": "Failure", "details": {"causes": causes}}).encode()


def test_output_is_read_line_by_line_to_its_end() -> None:
    running, _ = session(
        (BINARY, b"\x01a\nb"), (PING, b""), (BINARY, b"\x01c\n"), (BINARY, SUCCESS), (CLOSE, b"")
    )
    assert [running.read_line(1) for _ in range(3)] == ["a", "bc", None]
    assert running.returncode(1) == 0


def test_lines_so_far_are_read_without_waiting() -> None:
    running, fake = session((BINARY, b"\x01a\nb\nc"))
    assert running.read_lines_so_far(1) == ["a", "b"]
    assert running.read_lines_so_far(1) == []
    fake.push((BINARY, b"\x01\n"))
    assert running.read_line(1) == "c"


def test_a_last_line_without_end_counts() -> None:
    running, _ = session((BINARY, b"\x01a"), (BINARY, SUCCESS), (CLOSE, b""))
    assert [running.read_line(1), running.read_line(1)] == ["a", None]


LINE = st.text(st.characters(exclude_characters="\n", codec="utf-8"), min_size=1)


@given(st.lists(LINE), st.data())
def test_frames_may_cut_anywhere(lines: list[str], data: st.DataObject) -> None:
    rest = "".join(f"{line}\n" for line in lines).encode()
    frames: list[Frame] = []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        frames.append((BINARY, b"\x01" + rest[:size]))
        rest = rest[size:]
    running, _ = session(*frames, (BINARY, SUCCESS), (CLOSE, b""))
    assert [running.read_line(1) for _ in lines] == lines
    assert running.read_line(1) is None


def test_the_status_is_read_after_the_output() -> None:
    running, _ = session(
        (BINARY, b"\x01ignored\n"), (BINARY, b"\x02boom\n"), (BINARY, status(3)), (CLOSE, b"")
    )
    assert running.returncode(1) == 3
    assert running.stderr == "boom"


def test_a_program_that_cannot_start_says_why() -> None:
    refused = (
        b'\x03{"status": "Failure", "message": "no such file", "details": {"causes": [{"message": "x"}]}}'
    )
    running, _ = session((BINARY, refused), (CLOSE, b""))
    with pytest.raises(ProbeError, match="echo in pod p: no such file"):
        running.returncode(1)


def closed(running: ExecSession) -> object:
    return running.returncode(1)


def read(running: ExecSession) -> object:
    return running.read_line(1)


@pytest.mark.parametrize(
    ("frames", "act", "message"),
    [
        ([], read, "silent for 1 s"),
        ([(BINARY, b"\x02no module")], read, "silent for 1 s; it said: no module"),
        ([websocket.WebSocketProtocolException("bad")], read, "the connection was lost: bad"),
        ([ConnectionResetError("reset")], read, "the connection was lost: reset"),
        ([websocket.WebSocketConnectionClosedException()], closed, "ended before the program did"),
        ([(CLOSE, b"")], closed, "ended before the program did"),
    ],
)
def test_a_connection_that_fails_is_never_taken_for_an_answer(
    frames: list[Frame], act: Callable[[ExecSession], object], message: str
) -> None:
    running, _ = session(*frames)
    with pytest.raises(ProbeError, match=message):
        act(running)


def test_lines_are_sent_to_standard_input_and_closing_ends_it() -> None:
    running, fake = session()
    with running:
        running.write_line("{}")
    assert fake.sent == [b"\x00{}\n"]
    assert fake.closed
