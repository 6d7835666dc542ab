# SPDX-License-Identifier: BSD-2-Clause
"""The checks of calls that tools/lint makes, on small trees: each finds a planted fault, and nothing without one."""

import subprocess
from pathlib import Path

import pytest
from tide import lint_calls


def units_of(tree: Path, files: dict[str, str]) -> list[lint_calls.Unit]:
    """Write these files into the tree, build those that are C or assembly, and read the objects."""
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    sources = [Path(name) for name in files if name.endswith((".c", ".S"))]
    for source in sources:
        (tree / "objects" / source).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-w", "-ffreestanding", "-I.", "-c", source, "-o", f"objects/{source}.o"],
                       cwd=tree, check=True)  # fmt: skip
    return lint_calls.read_units(tree / "objects", sources)


def circles_of(tree: Path, files: dict[str, str], known: tuple[str, ...] = ()) -> list[str]:
    return lint_calls.circle_complaints(lint_calls.graph_of(units_of(tree, files)), known)


CHAIN = {"mm/a.c": "void a(void) { b(); c(); }", "mm/b.c": "void b(void) { c(); }", "mm/c.c": "void c(void) {}"}
PAIR = CHAIN | {"mm/c.c": "void c(void) { b(); }"}
THREE = CHAIN | {"mm/c.c": "void c(void) { a(); }", "mm/d.c": "void d(void) { a(); }"}


def test_files_in_order_are_no_circle(tmp_path: Path) -> None:
    assert circles_of(tmp_path, CHAIN) == []


def test_two_files_are_a_circle(tmp_path: Path) -> None:
    assert circles_of(tmp_path, PAIR) == [
        "a circle of 2 files: mm/b.c, mm/c.c",
        "  round: mm/b.c -> c -> mm/c.c",
        "         mm/c.c -> b -> mm/b.c",
    ]


def test_a_circle_is_shown_by_its_shortest_ways_round(tmp_path: Path) -> None:
    assert circles_of(tmp_path, THREE) == [
        "a circle of 3 files: mm/a.c, mm/b.c, mm/c.c",
        "  round: mm/a.c -> c -> mm/c.c",
        "         mm/c.c -> a -> mm/a.c",
        "  round: mm/b.c -> c -> mm/c.c",
        "         mm/c.c -> a -> mm/a.c",
        "         mm/a.c -> b -> mm/b.c",
    ]


def test_circles_apart_are_told_apart(tmp_path: Path) -> None:
    other = {"drivers/x.c": "void x(void) { y(); }", "drivers/y.c": "void y(void) { x(); a(); }"}
    heads = [line for line in circles_of(tmp_path, PAIR | other) if not line.startswith(" ")]
    assert heads == ["a circle of 2 files: drivers/x.c, drivers/y.c", "a circle of 2 files: mm/b.c, mm/c.c"]


@pytest.mark.parametrize("use", ["void b(void); void *table[] = {b};", "extern int data; int get(void) { return data; }"])
def test_to_name_a_symbol_is_to_use_it(tmp_path: Path, use: str) -> None:
    files = {"mm/b.c": "int data; void b(void) { c(); }", "mm/c.c": f"void c(void) {{}} {use}"}
    assert circles_of(tmp_path, files)[0] == "a circle of 2 files: mm/b.c, mm/c.c"


def test_headers_and_private_functions_make_no_circle(tmp_path: Path) -> None:
    files = {
        "mm/one.h": "static inline int twice(int n) { return 2 * n; }\nint two(int n);\n",
        "mm/one.c": '#include "mm/one.h"\nstatic int own(void) { return 1; }\nint one(void) { return two(own()); }\n',
        "mm/two.c": '#include "mm/one.h"\nstatic int own(void) { return 2; }\nint two(int n) { return twice(n + own()); }\n',
    }
    assert circles_of(tmp_path, files) == []


def test_a_known_circle_is_no_fault_and_one_that_is_gone_is(tmp_path: Path) -> None:
    assert circles_of(tmp_path, PAIR, ("mm/b.c", "mm/c.c")) == []
    assert circles_of(tmp_path, THREE, ("mm/b.c", "mm/c.c")) == [
        "a circle of 3 files: mm/a.c, mm/b.c, mm/c.c",
        "  round: mm/a.c -> c -> mm/c.c",
        "         mm/c.c -> a -> mm/a.c",
    ]
    assert circles_of(tmp_path, PAIR, ("mm/a.c", "mm/b.c", "mm/c.c")) == [
        "mm/a.c: in no circle any more: take it off the list"
    ]


def test_a_source_without_an_object_is_not_there(tmp_path: Path) -> None:
    units_of(tmp_path, CHAIN)
    units = lint_calls.read_units(tmp_path / "objects", [Path("mm/a.c"), Path("mm/lost.c")])
    assert [unit.source for unit in units] == ["mm/a.c"]


# ---- callers ----

KERNEL = {
    "lib/lib.h": "void used(void);\nstatic inline int half(int n) { return n / 2; }\n",
    "lib/lib.c": '#include "lib/lib.h"\nstatic void own(void) { used(); }\nvoid used(void) { own(); }\n',
    "kernel/main.c": '#include "lib/lib.h"\n/* nobody() */\nvoid start(void) { used(); half(1); "nobody"; }\n',
    "boot/entry.S": ".global entry\nentry: call start\n",
    "linker.ld": "/* SECTIONS of nobody */ ENTRY(entry)\n",
}


def callers_of(tree: Path, files: dict[str, str], uncalled: tuple[str, ...] = ()) -> list[str]:
    """The complaints about a tree whose public functions are those of public.h."""
    units = units_of(tree, files)
    words = {name: lint_calls.words_of(text) for name, text in files.items()}
    tests = {name: found for name, found in words.items() if name.startswith("tests/")}
    kernel = {name: found for name, found in words.items() if name not in tests}
    headers = [Path(name) for name in kernel if name.endswith(".h")]
    public = lint_calls.declared_functions([path for path in headers if path.name == "public.h"], tree)
    return lint_calls.caller_complaints([unit for unit in units if unit.source in kernel],
                                        lint_calls.Sources(kernel, tests),
                                        lint_calls.declared_functions(headers, tree), public, uncalled)  # fmt: skip


def with_text(name: str, text: str) -> dict[str, str]:
    return KERNEL | {name: KERNEL.get(name, "") + text}


def test_functions_with_callers(tmp_path: Path) -> None:
    assert callers_of(tmp_path, KERNEL) == []


def test_a_name_in_a_comment_or_a_text_is_no_caller(tmp_path: Path) -> None:
    files = with_text("lib/lib.c", "void nobody(void) {}\n")
    assert callers_of(tmp_path, files) == ["lib/lib.c: nobody: nobody calls it"]


def test_a_caller_that_is_a_test_does_not_count(tmp_path: Path) -> None:
    files = with_text("lib/lib.c", "void nobody(void) {}\n") | {"tests/test_lib.c": "void test(void) { nobody(); }\n"}
    assert callers_of(tmp_path, files) == ["lib/lib.c: nobody: only tests call it: tests/test_lib.c"]


def test_what_only_its_own_file_calls_is_static(tmp_path: Path) -> None:
    files = with_text("lib/lib.c", "void part(void) {}\nvoid *whole = part;\n")
    assert callers_of(tmp_path, files) == ["lib/lib.c: part: only this file uses it: make it static"]
    assert callers_of(tmp_path, files | {"tests/test_lib.c": "void test(void) { part(); }\n"}) == []


def test_a_function_in_a_table_has_a_caller(tmp_path: Path) -> None:
    files = with_text("lib/lib.c", "void hook(void) {}\n")
    assert callers_of(tmp_path, files | {"kernel/table.c": "void hook(void); void *table[] = {hook};\n"}) == []


@pytest.mark.parametrize("text", ["static inline int third(int n) { return n / 3; }\n", "int third(int n);\n"])
def test_a_header_has_nothing_that_nobody_uses(tmp_path: Path, text: str) -> None:
    assert callers_of(tmp_path, with_text("lib/lib.h", text)) == ["lib/lib.h: third: nobody calls it"]


def test_public_functions_need_no_caller(tmp_path: Path) -> None:
    files = with_text("lib/lib.c", "void offered(void) {}\n") | {"lib/public.h": "void offered(void);\n"}
    assert callers_of(tmp_path, files) == []


def test_python_functions_have_callers_too() -> None:
    tools = {"tools/one": "def run():\n    step()\n\ndef step():\n    pass\nclass A:\n    def __init__(self): ...\n"}
    assert lint_calls.dead_python(tools, []) == ["tools/one: run: nobody calls it"]
    assert lint_calls.dead_python(tools, ["run()"]) == []


def test_the_list_of_exceptions_holds_no_more_than_it_must(tmp_path: Path) -> None:
    files = with_text("lib/lib.c", "void nobody(void) {}\n")
    assert callers_of(tmp_path, files, ("nobody",)) == []
    assert callers_of(tmp_path, files, ("nobody", "used")) == ["used: is called, or gone: take it off the list"]
