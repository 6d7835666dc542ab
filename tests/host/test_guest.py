# SPDX-License-Identifier: BSD-2-Clause
"""The console's reader: text that arrives in pieces, waiting, the documented lines."""

import socket
import threading
from typing import Iterator

import pytest
from tide.guest import Console, Guest, GuestFailed, Settled, parse_settled

LINE = "vmem0: settled requested=536870912 plugged=2097152 usable=1073741824 requests=3\n"


@pytest.fixture
def port() -> Iterator[tuple[Guest, socket.socket]]:
    """A guest whose serial port is the socket."""
    ours, theirs = socket.socketpair()
    console = Console(ours)
    yield Guest(console), theirs
    theirs.close()
    console.close()


def test_settled() -> None:
    expected = Settled("vmem0", 536870912, 2097152, 1073741824, 3)
    assert parse_settled("boot\n" + LINE) == [expected]
    assert parse_settled("tide> " + LINE) == [expected]
    assert parse_settled("error: " + LINE + LINE.replace("=3", "=x")) == []


def test_settled_cut_off() -> None:
    for end in range(len("vmem0: settled requested=536870912 plugged=2097152 usable=1073741824 requests=")):
        assert parse_settled(LINE[:end]) == []


def test_a_line_in_pieces(port: tuple[Guest, socket.socket]) -> None:
    guest, theirs = port
    for byte in ("noise\r\n" + LINE.replace("\n", "\r\n")).encode():
        theirs.sendall(bytes([byte]))
    assert guest.wait_settled("vmem0", 536870912).requests == 3


def test_only_whole_lines_count(port: tuple[Guest, socket.socket]) -> None:
    guest, theirs = port
    theirs.sendall(LINE[:-1].encode())
    with pytest.raises(GuestFailed, match="time is up"):
        guest.wait_settled("vmem0", 536870912, wait_seconds=0.1)


def test_escape_sequences_are_dropped(port: tuple[Guest, socket.socket]) -> None:
    guest, theirs = port
    for piece in (b"a\x1b", b"[", b"2", b"Kb\x1b[1;31mc", b"\xc3\xa4\n"):
        theirs.sendall(piece)
    assert guest.console.wait(r"^a.*\n").group() == "abcä\n"


def test_the_end_of_the_guest_ends_the_wait(port: tuple[Guest, socket.socket]) -> None:
    guest, theirs = port
    theirs.sendall(b"the last words\n")
    theirs.close()
    with pytest.raises(GuestFailed, match="the guest ended(.|\n)*the last words"):
        guest.wait_ready()


def test_a_command_and_its_output(port: tuple[Guest, socket.socket]) -> None:
    """Output is what stands between the echo and the next prompt, whatever came before."""
    guest, theirs = port

    def answer() -> None:
        assert theirs.recv(64) == b"stats\r"
        theirs.sendall(b"stats\r\nstats: boot frames=10 used=2\r\n" + LINE.encode() + b"tide> ")

    theirs.sendall(b"tide: ready\r\ntide> ")
    thread = threading.Thread(target=answer)
    thread.start()
    assert guest.stats() == {"boot frames": 10, "boot used": 2}
    thread.join()
