# SPDX-License-Identifier: BSD-2-Clause
"""The image of `make iso`: a disk and a CD, under SeaBIOS and UEFI, on COM1 and on a screen.

The test reads back the screen: cells of text from the guest's memory, letters
drawn in pixels by the font that drew them.
"""

import re
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
from helpers import BUILD, IMAGE, LIFE_SECONDS, TREE, resize
from tide.accel import choose_accel
from tide.machine import Machine, MemDevice
from tide.qemu import Qemu
from tide.units import GIB, MIB

ISO = BUILD / "tide.iso"
FIRMWARES = {"seabios-pc": ("pc", None), "seabios-q35": ("q35", None),
             "ovmf-q35": ("q35", "/usr/share/ovmf/OVMF.fd")}  # fmt: skip
MEDIA = {"cd": f"file={ISO},format=raw,media=cdrom,readonly=on",
         "disk": f"file={ISO},format=raw,media=disk,snapshot=on"}  # fmt: skip

TEXT_BASE, TEXT_COLUMNS, TEXT_ROWS = 0xB8000, 80, 25
CELL_WIDTH, CELL_HEIGHT, LETTER_HEIGHT = 6, 9, 7
BOOT_SECONDS = 600.0  # OVMF under TCG on a busy host

Start = Callable[..., Qemu]


@pytest.fixture
def boot_iso(folder: Path) -> Iterator[Start]:
    """Start the boot medium: boot_iso("ovmf-q35", "cd", serial=False)."""
    started: list[Qemu] = []

    def start(firmware: str, medium: str, serial: bool = True) -> Qemu:
        type_, bios = FIRMWARES[firmware]
        machine = Machine(
            None, type=type_, bios=bios, accel=choose_accel(), serial=serial,
            devices=[MemDevice("vmem0", size=GIB, requested=512 * MIB)],
            extra=["-vga", "std", "-drive", MEDIA[medium]],
        )  # fmt: skip
        qemu = Qemu(machine, folder, life_seconds=LIFE_SECONDS).__enter__()
        started.append(qemu)
        return qemu

    yield start
    for qemu in started:
        qemu.__exit__()


def press_until(press: Callable[[], None], done: Callable[[], bool]) -> None:
    """Press the key of a menu entry until it was taken: when the menu comes is the loader's affair."""
    deadline = time.monotonic() + BOOT_SECONDS
    while not done():
        assert time.monotonic() < deadline, "the menu entry was not taken"
        press()
        time.sleep(0.1)


def choose_on_serial(qemu: Qemu, key: str) -> None:
    console = qemu.guest.console
    press_until(lambda: console.send(key), lambda: "Tide, by" in console.text)


# ---- the screen, read back ----


def read_text(qemu: Qemu, folder: Path) -> str:
    """The text screen, from the memory of the VGA."""
    path = folder / "text.bin"
    qemu.qmp.execute("pmemsave", val=TEXT_BASE, size=2 * TEXT_COLUMNS * TEXT_ROWS, filename=str(path))
    cells = path.read_bytes()[::2].decode("latin-1")
    rows = [cells[i : i + TEXT_COLUMNS].rstrip() for i in range(0, len(cells), TEXT_COLUMNS)]
    return "\n".join(rows)


def read_font() -> dict[tuple[int, ...], str]:
    source = (TREE / "extras/screen/font.c").read_text()
    letters = re.findall(r"\['(\\?.)' - FIRST\] = \{([^}]*)\}", source)
    assert len(letters) == 95
    return {tuple(int(column, 16) for column in columns.split(",")): name[-1] for name, columns in letters}


def screenshot(qemu: Qemu, folder: Path) -> tuple[int, int, bytes]:
    """Width, height and one byte a pixel, 0 or not; the picture stays in the folder."""
    path = folder / "screen.ppm"
    qemu.qmp.execute("screendump", filename=str(path))
    header = re.match(rb"P6\s(\d+) (\d+)\s255\s", path.read_bytes())
    assert header
    return int(header[1]), int(header[2]), path.read_bytes()[header.end() :: 3]


def read_pixels(qemu: Qemu, folder: Path) -> str:
    """The text that was drawn, letter by letter."""
    width, height, pixels = screenshot(qemu, folder)
    font, scale = read_font(), max(width // (TEXT_COLUMNS * CELL_WIDTH), 1)

    def letter(row: int, column: int) -> str:
        columns = []
        for x in range(CELL_WIDTH - 1):
            left = (column * CELL_WIDTH + x) * scale
            top = row * CELL_HEIGHT
            points = [pixels[(top + y) * scale * width + left] for y in range(LETTER_HEIGHT)]
            columns.append(sum(1 << y for y, point in enumerate(points) if point))
        return font.get(tuple(columns), "?")

    rows = range(height // (CELL_HEIGHT * scale))
    return "\n".join(
        "".join(letter(row, column) for column in range(TEXT_COLUMNS)).rstrip() for row in rows
    )


# ---- the tests ----


def test_grub_accepts_the_kernel() -> None:
    subprocess.run(["grub-file", "--is-x86-multiboot2", str(IMAGE)], check=True)
    multiboot_1 = subprocess.run(["grub-file", "--is-x86-multiboot", str(IMAGE)])
    assert multiboot_1.returncode == 1, "a header of Multiboot 1 keeps QEMU's -kernel from booting"


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("firmware", FIRMWARES)
def test_boots_to_the_monitor(boot_iso: Start, firmware: str, medium: str) -> None:
    """The first entry, after GRUB's count-down."""
    qemu = boot_iso(firmware, medium)
    qemu.guest.wait_ready(BOOT_SECONDS)
    assert "Tide, by multiboot2," in qemu.guest.console.text
    assert qemu.size("vmem0") == 512 * MIB
    resize(qemu, "vmem0", GIB)
    resize(qemu, "vmem0", 0)
    memory = qemu.guest.command("memory").partition("memory: the map of multiboot2\n")[2]
    assert memory, "after what ACPI says of nodes"
    ranges = re.findall(r"0x(\w+) to 0x(\w+) +\S+  (.*)$", memory, re.MULTILINE)
    ram = sum(int(last, 16) - int(first, 16) + 1 for first, last, kind in ranges if kind == "RAM")
    assert 200 * MIB < ram <= 256 * MIB
    assert ranges[-1][2] == "vmem0, node 0"
    addresses = [int(end, 16) for first, last, _ in ranges[:-1] for end in (first, last)]
    assert addresses == sorted(addresses), "sorted, without overlap"


def test_demo_entry(boot_iso: Start) -> None:
    """Its commands come from GRUB's command line, blanks and semicolons included."""
    qemu = boot_iso("seabios-pc", "disk")
    choose_on_serial(qemu, "d")
    qemu.guest.console.wait(r"^check: ok: 0: 64M")
    qemu.guest.console.wait(r"^stats: uptime")
    assert "unknown option" not in qemu.guest.console.text


@pytest.mark.parametrize("serial", [True, False])
@pytest.mark.parametrize("firmware", ["seabios-pc", "ovmf-q35"])
def test_the_first_entry_says_where_it_speaks(
    boot_iso: Start, folder: Path, firmware: str, serial: bool
) -> None:
    """The screen shows that the kernel waits, and the memory map."""
    qemu = boot_iso(firmware, "cd", serial=serial)
    read = read_text if firmware == "seabios-pc" else read_pixels
    where = "COM1 and this screen; type on COM1" if serial else "this screen; there is no COM1 to type on"

    def shows() -> bool:
        text = read(qemu, folder)
        return "tide> map" in text and "[......" in text

    qemu.wait_for(shows, "the screen to show the map", BOOT_SECONDS)
    text = read(qemu, folder)
    assert f"screen: the console is {where}" in text
    assert "memory: the map of multiboot2" in text


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("firmware", ["seabios-pc", "ovmf-q35"])
def test_screen_entry_without_a_serial_port(
    boot_iso: Start, folder: Path, firmware: str, medium: str
) -> None:
    """A machine with nothing but a screen and a keyboard shows its memory map."""
    qemu = boot_iso(firmware, medium, serial=False)
    read = read_text if firmware == "seabios-pc" else read_pixels

    def press() -> None:
        qemu.qmp.execute("send-key", keys=[{"type": "qcode", "data": "s"}])

    def shows(text: str) -> Callable[[], bool]:
        return lambda: text in read(qemu, folder)

    press_until(press, shows("Tide, by multiboot2"))
    qemu.wait_for(shows("tide> map"), "the screen to show the map")
    qemu.wait_for(shows("[....................."), "the map to be drawn")
    text = read(qemu, folder)
    (folder / "screen.txt").write_text(text)
    assert "tide: ready" in text
    assert "memory: the map of multiboot2" in text
    assert re.search(r"^  0x000100000000 to 0x00013fffffff +1G  vmem0, node 0$", text, re.MULTILINE)
    assert "settled requested=536870912 plugged=536870912" in text
    assert qemu.size("vmem0") == 512 * MIB
    width, height, pixels = screenshot(qemu, folder)
    assert len(pixels) == width * height and any(pixels)


def test_screen_by_the_pvh_entry(boot_iso: Start, folder: Path) -> None:
    """console=vga with -kernel: no loader tells of the screen, the BIOS's text mode is taken."""
    machine = Machine(
        IMAGE, type="pc", accel=choose_accel(), serial=False, extra=["-vga", "std"],
        append="console=vga run=memory",
    )  # fmt: skip
    with Qemu(machine, folder, life_seconds=LIFE_SECONDS) as qemu:
        qemu.wait_for(lambda: "memory: the map of pvh" in read_text(qemu, folder), "the map")
        qemu.wait_for(lambda: read_text(qemu, folder).count("RAM") >= 3, "its lines")


def test_a_picture_for_a_terminal_on_the_screen(folder: Path) -> None:
    """The screen is no terminal: it shows the text of `watch map`, and nothing of its commands to move and to colour."""
    machine = Machine(
        IMAGE, type="pc", accel=choose_accel(), serial=False, extra=["-vga", "std"],
        devices=[MemDevice("vmem0", requested=64 * MIB)], append='console=vga run="wait; watch map 1; stats"',
    )  # fmt: skip
    with Qemu(machine, folder, life_seconds=LIFE_SECONDS) as qemu:
        qemu.wait_for(lambda: "stats: uptime" in read_text(qemu, folder), "the command behind it")
        text = read_text(qemu, folder)
        assert re.search(r"^  \[-{16}\.{48}\]$", text, re.MULTILINE), text
        assert not re.search(r"\x1b|\[[0-9;]*[A-Za-z]", text), text


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_kernel_in_a_module_takes_over(boot_iso: Start, firmware: str) -> None:
    """Its loader is Tide: by PVH, with the module and the tables that GRUB told the first of."""
    qemu = boot_iso(firmware, "cd")
    console = qemu.guest.console
    choose_on_serial(qemu, "h")
    console.wait(r"^tide: ready$", 0, BOOT_SECONDS)
    console.wait(r"^tide> ", 0, BOOT_SECONDS)
    assert "Tide, by multiboot2" in console.text
    for requested, init in ((512 * MIB, "state"), (256 * MIB, "state"), (GIB, "unplug")):
        if qemu.requested("vmem0") != requested:
            resize(qemu, "vmem0", requested)
        start = qemu.guest.send(f"\x15handover virtio_mem.init={init}")
        console.wait(r"^Tide, by pvh, ", start)
        console.wait(r"^(?:tide> )*tide: ready$", start)
        console.wait(r"^tide> ", console.wait(r"^(?:tide> )*tide: ready$", start).end())
        assert qemu.size("vmem0") == requested
    assert "the loader's module" in qemu.guest.command("memory")
    qemu.qmp.execute_last("system_powerdown")
    assert qemu.wait_exit() == 0, "ACPI's tables were found again"
