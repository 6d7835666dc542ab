# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's trace of the accesses: which device, which register, and which of them are none."""

from pathlib import Path

from tide.accesses import by_register, count, join_strings, parse_accesses, read_accesses


def line(way: str, address: int, value: int, size: int, name: str, cpu: int = 0) -> str:
    return f"memory_region_ops_{way} cpu {cpu} mr 0x55d0 addr {address:#x} value {value:#x} size {size} name '{name}'\n"


RESIZE = (
    line("read", 0xFEBF9000, 3, 1, "virtio-pci-isr-virtio-mem")
    + line("write", 0xA0, 0x62, 1, "pic")
    + line("write", 0x20, 0x62, 1, "pic")
    + "virtio_mem_resized_usable_region old_size=0x0new_size=0x10200000\n"
    + line("read", 0xFEBF8015, 1, 1, "virtio-pci-common-virtio-mem")
    + line("read", 0xFEBFA030, 0x200000, 4, "virtio-pci-device-virtio-mem")
    + "4711@1763847265.1:" + line("read", 0xFEBFA034, 0, 4, "virtio-pci-device-virtio-mem")
    + line("write", 0x20, 0x60, 1, "pic")
    + line("write", 0xFEE00000, 0x41, 4, "apic-msi", cpu=-1)
    + line("write", 0xFEE00000, 0x41, 4, "apic-msi")
    + line("write", 0xFEE01004, 0x8026, 4, "apic-msi")
    + line("write", 0xFEE000B0, 0, 4, "apic-msi", cpu=3)
    + line("write", 0xFEBFB000, 0, 2, "virtio-pci-notify-virtio-mem")
)  # fmt: skip


def test_registers() -> None:
    accesses = parse_accesses(RESIZE)
    assert [(a.device, a.register, a.is_write) for a in accesses] == [
        ("virtio-mem", "ISR", False),
        ("pic", "command, slave", True),
        ("pic", "command, master", True),
        ("virtio-mem", "config_generation", False),
        ("virtio-mem", "requested_size", False),
        ("virtio-mem", "requested_size, high", False),
        ("pic", "command, master", True),
        ("apic-msi", "EOI", True),
        ("virtio-mem", "notify", True),
    ], "a device's message is no access of the guest"
    assert accesses[7].cpu == 3 and accesses[4].value == 0x200000
    assert count(accesses, "virtio-mem") == 5 and count(accesses) == 9
    assert [a.register for a in accesses if a.is_virtio][-1] == "notify"
    assert by_register(accesses)["pic", "command, master", "write"] == 2


def test_ticks() -> None:
    left = [access for access in parse_accesses(RESIZE) if not access.is_tick]
    assert count(left, "pic") == 2 and count(left) == 8


def test_other_devices() -> None:
    text = (
        line("read", 0xFEBFA008, 7, 4, "virtio-pci-device-virtio-balloon")
        + line("read", 0xFEBF8014, 7, 1, "virtio-pci-common")
        + line("read", 0xCFC, 7, 4, "pci-conf-data")
        + line("read", 0xFEBF8039, 7, 1, "virtio-pci-common-virtio-mem")
    )
    assert [(a.device, a.register) for a in parse_accesses(text)] == [
        ("virtio-balloon", "config 0x8"),
        ("virtio", "device_status"),
        ("pci-conf-data", "0xcfc"),
        ("virtio-mem", "0x39"),
    ]


def test_strings() -> None:
    status, data = line("read", 0x3FD, 0x60, 1, "serial"), line("write", 0x3F8, 0x41, 1, "serial")
    joined = join_strings(parse_accesses(status + data * 16 + status + data * 3 + line("read", 0x3F8, 1, 1, "serial")))
    assert [a.register for a in joined] == ["line_status", "data", "line_status", "data", "data"]


def test_parts(tmp_path: Path) -> None:
    """A part of a file, which may be cut off anywhere."""
    path = tmp_path / "trace.log"
    path.write_text(RESIZE)
    assert len(read_accesses(path)) == 9
    first = len(RESIZE.splitlines(keepends=True)[0])
    assert len(read_accesses(path, first)) == 8
    assert len(read_accesses(path, 0, first)) == 1
    for end in range(len(RESIZE)):
        assert len(read_accesses(path, 0, end)) <= 9
