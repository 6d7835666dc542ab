# SPDX-License-Identifier: BSD-2-Clause
"""What tools/shell shows: the host's words cut no line of the guest's, and lose none."""

import threading

import pytest
from tide import screen
from tide.screen import Screen

SETTLED = b"vmem0: settled requested=0 plugged=0 usable=0 requests=1\r\n"


def test_the_host_waits_for_the_end_of_a_line(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(screen, "WHOLE_SECONDS", 300)
    shown = Screen(terminal=False)
    shown.guest(SETTLED[:20])
    rest = threading.Timer(0.2, shown.guest, [SETTLED[20:]])
    rest.start()
    shown.hold()
    shown.release("the host's")
    rest.join()
    assert capfdbinary.readouterr().out == SETTLED + b"the host's\n"


def test_what_the_guest_writes_meanwhile_comes_after(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shown = Screen(terminal=False)
    shown.guest(b"tide> ")
    shown.hold()
    shown.guest(b"\r\n" + SETTLED)
    shown.release("!info\nthe host's")
    assert capfdbinary.readouterr().out == b"tide> !info\nthe host's\n\r\n" + SETTLED


def test_on_a_terminal_the_guests_line_comes_back(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shown = Screen(terminal=True)
    shown.guest(b"noise\r\ntide> sta")
    shown.hold()
    shown.write("!info\n")
    shown.guest(b"t")
    shown.release("one\ntwo")
    shown.guest(b"us")
    assert capfdbinary.readouterr().out == (
        b"noise\r\ntide> sta" b"\r\x1b[K!info\r\none\r\ntwo\r\n" b"\r\x1b[Ktide> sta" b"tus")


def test_a_cleared_screen_is_not_cleared_again(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The guest's Ctrl-L, cut where a read ends: the host's words behind it stay, and wait for nothing."""
    monkeypatch.setattr(screen, "WHOLE_SECONDS", 300)
    shown = Screen(terminal=True)
    shown.guest(b"tide> x\r\n\x1b[H\x1b[")
    shown.guest(b"2Jtide> x")
    shown.hold()
    shown.release("the host's")
    out = capfdbinary.readouterr().out
    assert out.endswith(b"\r\x1b[Kthe host's\r\n\r\x1b[Ktide> x") and out.count(b"\x1b[2J") == 1


@pytest.mark.parametrize("terminal", [False, True])
def test_a_guest_that_hangs_within_a_line(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """It is not waited for without end, and the whole line is there once it comes."""
    monkeypatch.setattr(screen, "WHOLE_SECONDS", 0.01)
    shown = Screen(terminal)
    shown.guest(SETTLED[:20])
    shown.hold()
    shown.release("the host's")
    shown.guest(SETTLED[20:])
    lines = capfdbinary.readouterr().out.replace(b"\r\x1b[K", b"\n").replace(b"\r", b"").split(b"\n")
    assert [line for line in lines if line] == [SETTLED[:20], b"the host's", SETTLED.strip()]
