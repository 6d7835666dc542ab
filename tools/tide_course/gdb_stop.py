# SPDX-License-Identifier: BSD-2-Clause
"""For gdb on a test: when the program ends itself, show the line of the tree that failed, not the C library's."""

from pathlib import Path

import gdb

TREE = Path(__file__).resolve().parent.parent.parent


def _is_ours(frame: gdb.Frame) -> bool:
    table = frame.find_sal().symtab
    return table is not None and TREE in Path(table.fullname()).parents and Path(table.fullname()).exists()


def _show(event: gdb.StopEvent) -> None:
    if not isinstance(event, gdb.SignalEvent) or event.stop_signal != "SIGABRT":
        return
    frame = gdb.newest_frame()
    while frame is not None and not _is_ours(frame):
        frame = frame.older()
    if frame is not None:
        frame.select()
        print(f"\nIt failed in {frame.name()}(); `bt` has its callers, `info locals` its variables:")
        gdb.execute("frame")
        gdb.execute("list")


gdb.events.stop.connect(_show)
