# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's trace of the requests: whole, cut off, and with other things between."""

from pathlib import Path

from tide.trace import parse_trace, read_trace

WHOLE = """\
4711@1763847265.123456:virtio_mem_unplug_all_request
4711@1763847265.123460:virtio_mem_unplugged_all
4711@1763847265.123461:virtio_mem_resized_usable_region old_size=0x0 new_size=0x20000000
4711@1763847265.123470:virtio_mem_send_response type=0
virtio_mem_plug_request addr=0x100000000 nb_blocks=256
virtio_mem_send_response type=1
virtio_mem_state_request addr=0x100200000 nb_blocks=8
virtio_mem_state_response state=2
virtio_mem_send_response type=0
"""


def test_whole() -> None:
    trace = parse_trace(WHOLE)
    assert [(r.kind, r.addr, r.nr_blocks, r.reply) for r in trace.requests] == [
        ("unplug_all", None, None, "ack"),
        ("plug", 0x100000000, 256, "nack"),
        ("state", 0x100200000, 8, "ack"),
    ]
    assert trace.count("plug") == 1 and trace.count("plug", "ack") == 0
    assert trace.replies() == {"ack": 2, "nack": 1}
    assert len(trace.between(0x100000000, 0x200000)) == 1


def test_cut_off() -> None:
    """However much of the end is missing, what is there is read."""
    for end in range(len(WHOLE)):
        trace = parse_trace(WHOLE[:end])
        assert len(trace.requests) <= 3
    assert parse_trace(WHOLE[: WHOLE.index("virtio_mem_send_response type=1")]).requests[-1].reply is None


def test_garbage() -> None:
    trace = parse_trace("\x00\xff nonsense\nvirtio_mem_send_response type=9\n\nvirtio_mem_plug_request\n")
    assert trace.strange_lines == ["\x00\xff nonsense"]
    assert [(r.kind, r.addr, r.reply) for r in trace.requests] == [("plug", None, None)]


def test_no_file(tmp_path: Path) -> None:
    assert read_trace(tmp_path / "nothing").requests == []
