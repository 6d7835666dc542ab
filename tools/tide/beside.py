# SPDX-License-Identifier: BSD-2-Clause
"""A QEMU that another program has started (Qemu's is_shared): its guest's serial port and its QMP, by sockets.

tools/gdb starts one, and `tools/shell --beside FOLDER` talks to it. QEMU serves one client on each socket.
"""

import socket
import struct
from pathlib import Path
from typing import Callable

from .guest import Console, Guest
from .qemu import CONTROL_SOCKET, SERIAL_SOCKET, resident_bytes
from .qmp import Qmp, QmpClosed

CONNECT_SECONDS = 5.0


class Beside:
    """A connection to both sockets. ValueError where no QEMU answers."""

    def __init__(self, folder: Path, serial_copy: Callable[[bytes], None]):
        self._serial = serial = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # QMP greets, and so tells whether another client is served.
            self.qmp = Qmp.connect(folder / CONTROL_SOCKET, CONNECT_SECONDS)
            serial.connect(str(folder / SERIAL_SOCKET))
        except TimeoutError as error:
            raise ValueError(f"{folder}: QEMU serves one shell at a time: end the other one") from error
        except (OSError, QmpClosed) as error:
            raise ValueError(f"{folder}: no machine runs there: `make gdb` starts one") from error
        # The first of its three numbers is the process that listens.
        (self._pid,) = struct.unpack("i", serial.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4))
        self.guest = Guest(Console(serial, serial_copy))

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._serial.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # QEMU has ended
        self.guest.console.close()
        self.qmp.close()

    @property
    def ended(self) -> bool:
        """Whether QEMU has ended."""
        return self.guest.console.ended

    def wait_exit(self, wait_seconds: float) -> None:
        """Wait until QEMU ends by itself."""
        self.guest.console.wait_end(wait_seconds)

    def resident(self) -> int:
        """QEMU's resident memory in bytes."""
        return resident_bytes(self._pid)
