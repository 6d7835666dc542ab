# SPDX-License-Identifier: BSD-2-Clause
"""drivers/virtio can be taken by any kernel: its symbols, includes, compilers and lists of sources.

Each check first passes on a small library made here, and finds the fault that is planted in it.
"""

from pathlib import Path

import library
import pytest
from tide.suites import TREE

LIBRARY = TREE / "drivers/virtio"
HEAD = "#ifndef {0}\n#define {0}\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n{1}\n#ifdef __cplusplus\n}}\n#endif\n#endif\n"
SMALL = {
    "include/vmem/host.h": HEAD.format(
        "HOST_H", "#include <stddef.h>\n/* vmem_host_gone() was here. */\nvoid *vmem_host_alloc(size_t bytes);"
    ),
    "include/vmem/pci.h": HEAD.format("PCI_H", '#include "host.h"\nint vmem_host_pci_read(int offset);\nint vmem_pci_probe(void);'),
    "core/core.h": "#include <stdint.h>\nint vmem_core_start(void);\n",
    "core/core.c": '#include "core.h"\n#include "vmem/host.h"\n'
    "int vmem_core_start(void) { return vmem_host_alloc(8) ? 0 : -1; }\n",
    "pci/pci.c": '#include "../core/core.h"\n#include "vmem/pci.h"\n'
    "static const int offset = 4;\nint vmem_pci_probe(void) { return vmem_core_start() + vmem_host_pci_read(offset); }\n",
    "files.mk": "VMEM_CORE := core/core.c\nVMEM_PCI := \\\n\tpci/pci.c\n",
    "meson.build": "sources = files(\n  'core/core.c',  # 'old.c'\n  'pci/pci.c',\n)\n",
}


def write(folder: Path, **changes: tuple[str, str]) -> Path:
    """The small library in a folder, with one text for another in the files that are named core_c, files_mk and so on."""
    names = {name.split("/")[-1].replace(".", "_"): name for name in SMALL}
    files = dict(SMALL)
    for key, (old, new) in changes.items():
        assert old in files[names[key]]
        files[names[key]] = files[names[key]].replace(old, new)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def symbols(folder: Path, left_out: str = "") -> list[str]:
    objects = folder.parent / "objects"
    assert library.compile_complaints(folder, objects, "x86-64") == []
    return library.symbol_complaints(folder, objects, left_out)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


# ---- the driver's own folder ----


def test_every_source_is_listed() -> None:
    assert library.listing_complaints(LIBRARY) == []


def test_nothing_outside_is_included() -> None:
    assert library.include_complaints(LIBRARY) == []


@pytest.mark.parametrize("language", library.HEADER_LANGUAGES)
def test_public_headers_compile_alone(language: str) -> None:
    assert library.header_complaints(LIBRARY, language) == []


@pytest.mark.parametrize("compiler", library.COMPILERS)
def test_sources_compile_and_need_the_host_functions_alone(compiler: str, tmp_path: Path) -> None:
    assert library.compile_complaints(LIBRARY, tmp_path, compiler) == []
    for left_out in ("", *library.TRANSPORTS):
        assert library.symbol_complaints(LIBRARY, tmp_path, left_out) == []


def test_devices_share_no_variable(tmp_path: Path) -> None:
    assert library.compile_complaints(LIBRARY, tmp_path, "x86-64") == []
    assert library.data_complaints(LIBRARY, tmp_path) == []


# ---- the checks themselves ----


def test_a_library_without_a_fault(folder: Path) -> None:
    write(folder)
    assert library.listing_complaints(folder) == [] and library.include_complaints(folder) == []
    assert [library.header_complaints(folder, language) for language in library.HEADER_LANGUAGES] == [[], []]
    assert symbols(folder) == [] and symbols(folder, "VMEM_PCI") == []
    assert library.data_complaints(folder, folder.parent / "objects") == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"files_mk": ("core/core.c", "")}, "files.mk: does not list core/core.c"),
     ({"files_mk": ("core/core.c", "core/core.c core/old.c")}, "files.mk: lists core/old.c, which is not there"),
     ({"files_mk": ("core/core.c", "core/core.c pci/pci.c")}, "files.mk: lists pci/pci.c twice"),
     ({"meson_build": ("  'pci/pci.c',\n", "")}, "meson.build: does not list pci/pci.c"),
     ({"meson_build": ("# 'old.c'", "'old.c',")}, "meson.build: lists old.c, which is not there")],
)  # fmt: skip
def test_a_wrong_list_is_found(folder: Path, change: dict[str, tuple[str, str]], complaint: str) -> None:
    assert library.listing_complaints(write(folder, **change)) == [complaint]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"core_c": ('"vmem/host.h"', '"../../kernel.h"')}, "core/core.c: ../../kernel.h"),
     ({"core_h": ("<stdint.h>", "<stdio.h>")}, "core/core.h: stdio.h"),
     ({"pci_h": ("int vmem_host", '#include "../../core/core.h"\nint vmem_host')}, "include/vmem/pci.h: ../../core/core.h")],
)  # fmt: skip
def test_an_include_from_outside_is_found(folder: Path, change: dict[str, tuple[str, str]], complaint: str) -> None:
    (folder.parent / "kernel.h").write_text("")
    found = library.include_complaints(write(folder, **change))
    assert found == [f"{complaint}: neither of the library nor freestanding"]


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [("C11", "#include <stddef.h>", ""), ("C11", "void *vmem", "typeof(int) vmem_host_n;\nvoid *vmem"),
     ("C++17", "void *vmem", "int vmem_new(int class);\nvoid *vmem")],
)  # fmt: skip
def test_a_header_that_needs_more_is_found(folder: Path, language: str, old: str, new: str) -> None:
    assert library.header_complaints(write(folder, host_h=(old, new)), language)


@pytest.mark.parametrize(
    ("compiler", "code"),
    [("x86-64", "int n = 1; { int n = 2; (void)n; } (void)n;"), ("aarch64", "char c = vmem_core_start(); (void)c;"),
     ("riscv64", "__asm__ volatile(\"hlt\");"), ("gcc", "float f = 1; return *(int *)&f;")],
)  # fmt: skip
def test_a_warning_is_found(folder: Path, compiler: str, code: str) -> None:
    write(folder, pci_c=("{ return", f"{{ {code} return"))
    assert library.compile_complaints(folder, folder.parent / "objects", compiler)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"core_h": ("int vmem", "int page_alloc(void);\nint vmem"), "core_c": ("int vmem", "int page_alloc(void) { return 0; }\nint vmem")},
      "page_alloc: a global symbol without the prefix vmem_"),
     ({"core_h": ("int vmem", "extern int core_level;\nint vmem"), "core_c": ("int vmem", "int core_level = 1;\nint vmem")},
      "core_level: a global symbol without the prefix vmem_"),
     ({"core_c": ("return vmem_host", "extern void panic(void); panic(); return vmem_host")}, "panic: undefined, and no host function"),
     ({"core_c": ("vmem_host_alloc(8) ?", "1 ?")}, "vmem_host_alloc: a host function that the library does not call")],
)  # fmt: skip
def test_a_wrong_symbol_is_found(folder: Path, change: dict[str, tuple[str, str]], complaint: str) -> None:
    assert symbols(write(folder, **change)) == [complaint]


def test_a_transport_left_out_leaves_nothing_of_it(folder: Path) -> None:
    write(folder, core_c=("return vmem_host", "extern int vmem_pci_probe(void); vmem_pci_probe(); return vmem_host"))
    assert symbols(folder) == []
    assert symbols(folder, "VMEM_PCI") == ["vmem_pci_probe: undefined, and no host function"]


@pytest.mark.parametrize("variable", ["static int count = 1", "static int count"])
def test_a_variable_that_devices_share_is_found(folder: Path, variable: str) -> None:
    body = "{ count = count * 3 + 1; return count > 9 || vmem_host_alloc(8) ? 0 : -1; }"
    write(folder, core_c=("int vmem_core_start(void) { return vmem_host_alloc(8) ? 0 : -1; }",
                          f"{variable};\nint vmem_core_start(void) {body}"))  # fmt: skip
    assert symbols(folder) == []
    assert library.data_complaints(folder, folder.parent / "objects") == ["count: a variable that all devices share"]
