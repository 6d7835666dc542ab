# SPDX-License-Identifier: BSD-2-Clause
"""The same runs through libvirt: the domain of tests/libvirt, its devices as the scenario has them.

LibvirtQemu takes the place of tide.qemu.Qemu. Sizes are requested as
`virsh update-memory-device` does it, by an update of the device's XML; what QEMU knows is read
through libvirt's monitor command. The domain keeps its machine type, `pc`.
"""

import json
import os
import shutil
import socket
import tempfile
import time
import types
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Callable

import libvirt
import libvirt_qemu
from tide.guest import WAIT_SECONDS, Console, Guest
from tide.machine import Machine
from tide.qemu import QemuFailed
from tide.qmp import Qmp, QmpClosed, QmpError
from tide.trace import Trace, read_trace

from .folder import TREE
from .recorder import Counter

DOMAIN = TREE / "tests/libvirt/domain.xml"
NAME = "tide-experiment"
IMAGES = Path("/var/lib/libvirt/images")
_QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
EXIT_OK = 33

Xml = ElementTree.Element


def _alias(device: str) -> str:
    """libvirt's name of the device vmemN."""
    return device.replace("vmem", "virtiomem", 1)


class LibvirtQmp(Qmp):
    """QMP commands that libvirt passes on."""

    def __init__(self, domain: libvirt.virDomain):
        self._domain = domain
        version = self.execute("query-version")["qemu"]
        self.version = (version["major"], version["minor"], version["micro"])

    def close(self) -> None:
        """Nothing of its own is open."""

    def execute(self, command: str, **arguments: Any) -> Any:
        request: dict[str, Any] = {"execute": command}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            answer = json.loads(libvirt_qemu.qemuMonitorCommand(self._domain, json.dumps(request), 0))
        except libvirt.libvirtError as error:
            raise QmpClosed(f"libvirt: {error}") from error
        if "error" in answer:
            raise QmpError(answer["error"]["class"], answer["error"]["desc"])
        return answer["return"]

    def get(self, path: str, name: str) -> Any:
        return super().get(_alias(path), name)


def _child(parent: Xml, name: str, text: str = "", **attributes: str) -> Xml:
    child = ElementTree.SubElement(parent, name, attributes)
    child.text = text or None
    return child


def domain_xml(machine: Machine, files: Path) -> str:
    """The domain of the tests with this machine's memory, devices and guest."""
    domain = ElementTree.parse(DOMAIN).getroot()
    domain.set("type", "kvm" if machine.accel == "kvm" else "qemu")
    domain.find("name").text = NAME  # type: ignore[union-attr]
    domain.remove(domain.find("uuid"))  # type: ignore[arg-type]
    for name in ("memory", "currentMemory"):
        domain.find(name).text = str(machine.memory // 1024)  # type: ignore[union-attr]
    vcpu = domain.find("vcpu")
    vcpu.text = str(machine.cpus)  # type: ignore[union-attr]
    vcpu.attrib.pop("cpuset")  # type: ignore[union-attr]
    domain.find("cpu/topology").set("sockets", str(machine.cpus))  # type: ignore[union-attr]
    cell = domain.find("cpu/numa/cell")
    cell.set("memory", str(machine.memory // 1024))  # type: ignore[union-attr]
    cell.set("cpus", f"0-{machine.cpus - 1}")  # type: ignore[union-attr]
    _set_guest(domain, machine, files)
    _set_devices(domain.find("devices"), machine, files)  # type: ignore[arg-type]
    return ElementTree.tostring(domain, encoding="unicode")


def _set_guest(domain: Xml, machine: Machine, files: Path) -> None:
    """The kernel instead of the disk; on QEMU's own command line what libvirt has no word for."""
    system = domain.find("os")
    assert system is not None
    system.remove(system.find("boot"))  # type: ignore[arg-type]
    _child(system, "kernel", str(files / "kernel"))
    words = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
    words += ["-trace", "virtio_mem_*", "-D", str(files / "trace.log")]
    extra = list(machine.extra)
    while extra:
        option, value = extra[:2]
        del extra[:2]
        if option == "-initrd":
            _child(system, "initrd", str(files / "initrd"))
        else:
            words += [option, value]
    if machine.append:
        _child(system, "cmdline", machine.append)
    _child(domain, "seclabel", type="none", model="dac")
    commands = _child(domain, f"{{{_QEMU_NAMESPACE}}}commandline")
    for word in words:
        _child(commands, f"{{{_QEMU_NAMESPACE}}}arg", value=word)


def _set_devices(devices: Xml, machine: Machine, files: Path) -> None:
    for old in devices.findall("memory") + devices.findall("disk"):
        devices.remove(old)
    serial = devices.find("serial")
    assert serial is not None
    serial.set("type", "unix")
    _child(serial, "source", mode="bind", path=str(files / "com1"))
    for device in machine.devices:
        memory = _child(devices, "memory", model="virtio-mem")
        target = _child(memory, "target")
        _child(target, "size", str(device.size // 1024), unit="KiB")
        _child(target, "node", "0")
        _child(target, "block", str(device.block // 1024), unit="KiB")
        _child(target, "requested", str(device.requested // 1024), unit="KiB")


class LibvirtQemu:
    """A domain of a running libvirt, from `with` to its end. LIBVIRT_DEFAULT_URI names another one."""

    def __init__(self, machine: Machine, folder: Path, counter: Counter | None):
        self.machine = machine
        self._counter = counter
        self.folder = folder
        self.qmp: LibvirtQmp
        self.guest: Guest
        self.process: types.SimpleNamespace
        self._domain: libvirt.virDomain = None
        self._connection: libvirt.virConnect = None

    def __enter__(self) -> "LibvirtQemu":
        libvirt.registerErrorHandler(lambda _, error: None, None)  # errors are raised, not printed
        # QEMU runs as a user of its own: what it reads and writes lies where it may.
        self._files = Path(tempfile.mkdtemp(prefix="tide-", dir=IMAGES))
        os.chmod(self._files, 0o777)
        shutil.copyfile(self.machine.kernel, self._files / "kernel")
        self._place_plugin()
        if "-initrd" in self.machine.extra:
            initrd = self.machine.extra[self.machine.extra.index("-initrd") + 1]
            shutil.copyfile(initrd, self._files / "initrd")
        try:
            self._start(domain_xml(self.machine, self._files))
        except libvirt.libvirtError as error:
            self.__exit__()
            raise QemuFailed(f"libvirt: {error}") from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def _place_plugin(self) -> None:
        """Plugin and count, too, lie where QEMU may reach them."""
        extra = self.machine.extra
        if self._counter and "-plugin" in extra:
            at = extra.index("-plugin") + 1
            shutil.copyfile(extra[at].partition(",")[0], self._files / "plugin.so")
            self._counter.path = self._files / "instructions"
            extra[at] = f"{self._files / 'plugin.so'},count={self._counter.path}"

    def _start(self, xml: str) -> None:
        uri = os.environ.get("LIBVIRT_DEFAULT_URI", "qemu:///system")
        self._connection = libvirt.open(uri)
        (self.folder / "qemu.cmd").write_text(self._connection.domainXMLToNative("qemu-argv", xml))
        self._domain = self._connection.createXML(xml, libvirt.VIR_DOMAIN_START_PAUSED)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._files / "com1"))
        self.guest = Guest(Console(connection))
        self.qmp = LibvirtQmp(self._domain)
        pid = int(Path(f"/run/libvirt/qemu/{NAME}.pid").read_text())
        self.process = types.SimpleNamespace(pid=pid)
        self._domain.resume()

    def __exit__(self, *_: object) -> None:
        if self._domain is not None and self._is_active():
            self._domain.destroy()
        if self._connection is not None:
            self._connection.close()
        if hasattr(self, "guest"):
            self.guest.console.close()
        self.trace()
        log = Path(f"/var/log/libvirt/qemu/{NAME}.log")
        if log.exists():
            shutil.copyfile(log, self.folder / "qemu.log")
        shutil.rmtree(self._files, ignore_errors=True)

    def _is_active(self) -> bool:
        try:
            return bool(self._domain.isActive())
        except libvirt.libvirtError:
            return False

    # ---- the host's view, as tide.qemu.Qemu gives it ----

    def trace(self) -> Trace:
        """The requests up to now; the trace is copied into the run's folder."""
        if (self._files / "trace.log").exists():
            shutil.copyfile(self._files / "trace.log", self.folder / "trace.log")
        return read_trace(self.folder / "trace.log")

    def set_requested(self, device: str, size: int) -> None:
        root = ElementTree.fromstring(self._domain.XMLDesc())
        for memory in root.iter("memory"):
            alias = memory.find("alias")
            if alias is not None and alias.get("name") == _alias(device):
                requested = memory.find("target/requested")
                assert requested is not None
                requested.text = str(size // 1024)
                text = ElementTree.tostring(memory, encoding="unicode")
                try:
                    self._domain.updateDeviceFlags(text, libvirt.VIR_DOMAIN_AFFECT_LIVE)
                except libvirt.libvirtError as error:
                    raise QmpError("libvirt", str(error)) from error
                return
        raise QmpError("libvirt", f"the domain has no device {_alias(device)}")

    def requested(self, device: str) -> int:
        return int(self.qmp.get(device, "requested-size"))

    def size(self, device: str) -> int:
        return int(self.qmp.get(device, "size"))

    def resident(self) -> int:
        status = Path(f"/proc/{self.process.pid}/statm").read_text()
        return int(status.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def wait_for(self, condition: Callable[[], bool], what: str, wait_seconds: float = WAIT_SECONDS) -> None:
        deadline = time.monotonic() + wait_seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited for {what}")
            time.sleep(0.02)

    def wait_exit(self, wait_seconds: float = WAIT_SECONDS) -> int:
        """Until the domain is off. libvirt does not tell QEMU's status; a wrong page was seen before."""
        self.wait_for(lambda: not self._is_active(), "the domain to be off", wait_seconds)
        return EXIT_OK
