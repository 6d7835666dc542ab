# SPDX-License-Identifier: BSD-2-Clause
"""The domain under test: its XML and its variations, its life, the host's view of its memory."""

import re
import socket
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Iterator

from libvirt_host import IMAGES, WAIT_SECONDS, virsh, wait_for
from tide.accel import choose_accel
from tide.guest import Console, Guest
from tide.units import KIB

HERE = Path(__file__).resolve().parent
NAME = "tide"
COM1 = Path("/run/tide-com1.sock")

Xml = ElementTree.Element


def read_xml() -> Xml:
    """domain.xml as it is in the tree; KVM where it works."""
    domain = ElementTree.parse(HERE / "domain.xml").getroot()
    if choose_accel() == "kvm":
        domain.set("type", "kvm")
    return domain


def _devices(domain: Xml) -> Xml:
    devices = domain.find("devices")
    assert devices is not None
    return devices


def without_serial(domain: Xml) -> Xml:
    """As libvirt's test has it: no console at all."""
    devices = _devices(domain)
    for serial in devices.findall("serial"):
        devices.remove(serial)
    return domain


def serial_on_socket(domain: Xml) -> Xml:
    """COM1 where the test reads it."""
    for serial in _devices(domain).findall("serial"):
        serial.set("type", "unix")
        ElementTree.SubElement(serial, "source", mode="bind", path=str(COM1))
    return domain


def with_acpi(domain: Xml) -> Xml:
    """With what a shutdown and hot-plug need."""
    features = ElementTree.Element("features")
    ElementTree.SubElement(features, "acpi")
    domain.insert(list(domain).index(domain.find("os")) + 1, features)  # type: ignore[arg-type]
    return domain


def behind_bridge(domain: Xml) -> Xml:
    """The second device behind a pci-bridge at slot 3, where newer releases of libvirt put it."""
    devices = _devices(domain)
    bridge = ElementTree.fromstring(
        "<controller type='pci' index='1' model='pci-bridge'><model name='pci-bridge'/>"
        "<target chassisNr='1'/>"
        "<address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/></controller>"
    )
    devices.insert(list(devices).index(devices.find("serial")), bridge)  # type: ignore[arg-type]
    address = devices.findall("memory")[1].find("address")
    assert address is not None
    address.set("bus", "0x01")
    address.set("slot", "0x01")
    return domain


def by_kernel_on_q35(domain: Xml) -> Xml:
    """The kernel loaded by QEMU itself; libvirt puts each device behind a port of its own."""
    os_, devices = domain.find("os"), _devices(domain)
    assert os_ is not None
    os_.find("type").set("machine", "q35")  # type: ignore[union-attr]
    os_.remove(os_.find("boot"))  # type: ignore[arg-type]
    ElementTree.SubElement(os_, "kernel").text = str(IMAGES / "tide.elf")
    ElementTree.SubElement(os_, "cmdline").text = "virtio_mem.irq=intx log=debug"
    for kind in ("disk", "controller"):
        for device in devices.findall(kind):
            devices.remove(device)
    for device in devices:
        for address in device.findall("address"):
            device.remove(address)
    return domain


class Domain:
    """A domain, defined and started by `with`; destroyed and undefined at its end."""

    def __init__(self, xml: Xml, folder: Path):
        self._xml = xml
        self._folder = folder
        self._has_console = any(s.get("type") == "unix" for s in _devices(xml).findall("serial"))
        self._console: Console | None = None

    def __enter__(self) -> "Domain":
        path = self._folder / "domain.xml"
        path.write_text(ElementTree.tostring(self._xml, encoding="unicode"))
        virsh("define", str(path))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.state() != "shut off":
            virsh("destroy", NAME)
        virsh("undefine", "--managed-save", NAME)
        self._close()

    # ---- its life ----

    def start(self) -> None:
        """Start it, or go on from a managed save, reading COM1 from the first byte."""
        self._close()
        virsh("start", "--paused", NAME)
        if self._has_console:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(COM1))
            self._console = Console(connection)
        virsh("resume", NAME)

    @property
    def guest(self) -> Guest:
        assert self._console, "this domain has no serial port"
        return Guest(self._console)

    def state(self) -> str:
        return virsh("domstate", NAME).strip()

    def wait_off(self) -> None:
        wait_for(lambda: self.state() == "shut off", "the domain to be shut off")

    def _close(self) -> None:
        if self._console:
            text = self._console.text
            with open(self._folder / "com1.log", "a") as log:
                log.write(text)
            self._console.close()
            self._console = None

    # ---- the host's view of its memory; sizes are bytes ----

    def memory(self) -> dict[str, tuple[int, int]]:
        """Requested and current size of each virtio-mem device, by its alias, from dumpxml."""
        sizes = {}
        for memory in ElementTree.fromstring(virsh("dumpxml", NAME)).iter("memory"):
            if memory.get("model") == "virtio-mem":
                alias = memory.find("alias")
                assert alias is not None
                sizes[str(alias.get("name"))] = (
                    int(memory.findtext("target/requested", "")) * KIB,
                    int(memory.findtext("target/current", "")) * KIB,
                )
        return sizes

    def current(self, alias: str) -> int:
        return self.memory()[alias][1]

    def wait_current(self, alias: str, size: int) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while (current := self.current(alias)) != size:
            assert time.monotonic() < deadline, f"{alias} has {current} plugged, not {size}"
            time.sleep(0.1)

    def resize(self, alias: str, size: int) -> None:
        """Ask for a size with virsh and wait until dumpxml shows it plugged."""
        self.request(alias, size)
        self.wait_current(alias, size)

    def request(self, alias: str, size: int) -> None:
        virsh("update-memory-device", NAME, "--live", "--alias", alias,
              "--requested-size", f"{size // KIB}KiB")  # fmt: skip


class Events:
    """`virsh event` for the size changes, running while `with` lasts."""

    def __init__(self, folder: Path):
        self._path = folder / "events.log"

    def __enter__(self) -> "Events":
        with open(self._path, "wb") as output:
            self._process = subprocess.Popen(
                ["virsh", "-c", "qemu:///system", "event", NAME, "--loop", "--timestamp",
                 "--event", "memory-device-size-change"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def sizes(self) -> Iterator[tuple[str, int]]:
        """(alias, bytes) of each event up to now."""
        for alias, size in re.findall(r"alias: (\S+)\s+size: (\d+)", self._path.read_text()):
            yield alias, int(size) * KIB
