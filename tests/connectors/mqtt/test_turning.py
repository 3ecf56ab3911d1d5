"""A turn of an MQTT client reads and writes what its socket is ready for, whatever number the socket has."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.mqtt.turning import turn

HIGH = 1_100
"""Above what ``select`` knows."""


class Client:
    """As much of a client of paho as a turn looks at; ``done`` is what it was made to do."""

    def __init__(self, own: socket.socket | None, *, writes: bool = False) -> None:
        self._own, self._writes = own, writes
        self.done: list[str] = []

    def socket(self) -> socket.socket | None:
        return self._own

    def want_write(self) -> bool:
        return self._writes

    def loop_read(self) -> None:
        self.done.append("read")

    def loop_write(self) -> None:
        self.done.append("write")

    def loop_misc(self) -> None:
        self.done.append("misc")


class Decrypted(socket.socket):
    """A socket of TLS that has something decrypted in hand."""

    def pending(self) -> int:
        return 5


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection, ours with a high number."""
    ours, theirs = socket.socketpair()
    high = socket.socket(fileno=fcntl.fcntl(ours.fileno(), fcntl.F_DUPFD, HIGH))
    yield high, theirs
    for one in (ours, theirs, high):
        one.close()


@pytest.mark.parametrize(
    ("comes", "writes", "done"),
    [
        (False, False, ["misc"]), (True, False, ["read", "misc"]), (False, True, ["write", "misc"]),
        (True, True, ["read", "write", "misc"]),
    ],
)  # fmt: skip
def test_a_turn_does_what_the_socket_is_ready_for(
    line: tuple[socket.socket, socket.socket], comes: bool, writes: bool, done: list[str]
) -> None:
    ours, theirs = line
    assert ours.fileno() >= HIGH
    if comes:
        theirs.send(b"x")
    client: Any = Client(ours, writes=writes)
    turn(client, 0.01)
    assert client.done == done


def test_a_line_that_was_cut_is_read_so_that_it_is_noticed(line: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = line
    theirs.close()
    client: Any = Client(ours)
    turn(client, 0.01)
    assert client.done == ["read", "misc"]


def test_what_tls_has_in_hand_is_read_though_the_socket_is_silent(line: tuple[socket.socket, socket.socket]) -> None:
    client: Any = Client(Decrypted(fileno=line[0].detach()))
    turn(client, 60.0)
    assert client.done == ["read", "misc"]
    client.socket().close()


def test_without_a_socket_nothing_is_done() -> None:
    client: Any = Client(None)
    turn(client, 60.0)
    assert client.done == []
