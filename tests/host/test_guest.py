# SPDX-License-Identifier: BSD-2-Clause
"""The console's reader: text that arrives in pieces, waiting, the documented lines."""

import socket
import threading
from typing import Iterator

import pytest
from tide.guest import Console, Guest, GuestFailed, Settled, parse_settled, without_tags

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


def test_an_answer_is_told_from_every_other_line(port: tuple[Guest, socket.socket]) -> None:
    """Lines of others come before the echo is complete, within a line of the answer, and after the prompt."""
    guest, theirs = port

    def answer() -> None:
        tag, _, line = theirs.recv(64).partition(b" ")
        assert line == b"stats\r"
        other = b"\r\n" + LINE.encode()
        theirs.sendall(tag + b" sta" + other + b"tide> " + tag + b" stats\r\n")
        theirs.sendall(b"@0 stats: an=1\r\n@0.\r\n" + b"cpu: 2 processors run\r\n")
        theirs.sendall(tag + b" stats: boot frames=1" + other + tag + b"+0 used=2\r\n" + LINE.encode())
        theirs.sendall(tag + b" last\r\n" + tag + b".\r\ntide> " + other + b"tide> ")

    theirs.sendall(b"tide: ready\r\ntide> ")
    thread = threading.Thread(target=answer)
    thread.start()
    assert guest.command("stats") == "stats: boot frames=10 used=2\nlast\n"
    thread.join()


def test_tags_are_for_programs_only() -> None:
    text = "tide> @1 stats\r\n@1 stats: boot\r\nvmem0: @1 on\r\n@1+ more\r\n@1.\r\ntide> "
    assert without_tags(text) == "tide> stats\r\nstats: boot\r\nvmem0: @1 on\r\n more\r\ntide> "
