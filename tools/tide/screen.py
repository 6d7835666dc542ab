# SPDX-License-Identifier: BSD-2-Clause
"""What a person sees of a guest and of the host's answers, on a terminal or in a pipe.

The guest's bytes are shown as they come. The host speaks only where no line of
the guest's is cut by it: at the start of a line, or behind the prompt. Output of
the guest meanwhile is shown after, and its interrupted line again.
A pipe gets whole lines, without the tags by which answers are found.
"""

import re
import sys
import threading

from .guest import PROMPT, without_tags

_ESCAPES = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")  # of the guest's line editor and of its pictures
WHOLE_SECONDS = 2.0  # a guest that has begun a line ends it, unless it hangs


class Screen:
    """Written by two threads: the console's reader (guest) and the one that speaks for the host."""

    def __init__(self, terminal: bool):
        self._terminal = terminal
        self._changed = threading.Condition()
        self._line = b""  # what the guest has written since the last end of a line
        self._held: bytes | None = None  # what it wrote while the host speaks
        self._gone = False  # who read the pipe

    def guest(self, data: bytes) -> None:
        """Show what the guest wrote, or keep it while the host speaks."""
        with self._changed:
            if self._held is not None:
                self._held += data
                return
            whole, end, line = (self._line + data).rpartition(b"\n")
            self._line = _ESCAPES.sub(b"", line)  # what is shown again neither clears nor moves
            self._put(data if self._terminal else without_tags((whole + end).decode(errors="replace")).encode())
            self._changed.notify_all()

    def hold(self) -> None:
        """The host begins to speak, once the guest is not in the middle of a line."""
        with self._changed:
            self._changed.wait_for(self._is_whole, WHOLE_SECONDS)
            self._held = b""
            if self._terminal:
                self._put(b"\r\x1b[K")
            else:
                self._put(self._line if self._is_whole() else self._line + b"\n")

    def write(self, text: str) -> None:
        """A part of what the host says, between hold() and release()."""
        with self._changed:
            self._put(text.replace("\n", "\r\n" if self._terminal else "\n").encode())

    def release(self, text: str) -> None:
        """The rest of what the host says; then the guest's line is there again, and what came meanwhile.

        BrokenPipeError says that nobody reads any more.
        """
        if text:
            self.write(text + "\n")
        with self._changed:
            if self._terminal:
                self._put(b"\r\x1b[K" + self._line)
            elif self._is_whole():
                self._line = b""  # the prompt, which is shown; a line that is not whole comes again
            held, self._held = self._held or b"", None
            self.guest(held)
        if self._gone:
            raise BrokenPipeError

    def _is_whole(self) -> bool:
        return not self._line or self._line.startswith(PROMPT.encode())

    def _put(self, data: bytes) -> None:
        if self._gone:
            return
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            self._gone = True  # the reading thread goes on: the guest's lines are waited for
