# SPDX-License-Identifier: BSD-2-Clause
"""tools/mutate: which mutants a line has, and what becomes of them on a small tree with a test that is too weak."""

import json
import subprocess
from pathlib import Path

import pytest
from conftest import TREE, Tool
from tide.mutants import mutants_of
from tide.mutation import read_equivalents


def changes(statement: str) -> list[tuple[str, str, str]]:
    """The mutants of a function of one statement before its last: kind, what stands there, what it becomes."""
    text = f"static int f(int a, int *b)\n{{\n    {statement}\n    return a;\n}}\n"
    return [(mutant.kind, text[mutant.start : mutant.end], mutant.new) for mutant in mutants_of("f.c", text)]


STATEMENTS = {
    "a = b[0] < 2;": {("relation", "<", "<="), ("relation", "<", ">="), ("constant", "0", "1"), ("constant", "2", "3"),
                      ("constant", "2", "1"), ("no statement", "a = b[0] < 2", "")},
    "int c = a * b;": {("arithmetic", "*", "/")},
    "int *c = &d[-a];": set(),
    "u64 c = 0x1fu;": {("constant", "0x1fu", "0x20u"), ("constant", "0x1fu", "0x1eu")},
    "a |= ~c << d;": {("assignment", "|=", "&="), ("bits", "~", ""), ("bits", "<<", ">>"),
                      ("no statement", "a |= ~c << d", "")},
    "b->c++;": {("arithmetic", "++", "--"), ("no statement", "b->c++", "")},
    "vmem_dma_write_barrier(b);": {("no barrier", "vmem_dma_write_barrier(b)", "")},
    "spin_unlock(&lock);": {("no lock", "spin_unlock(&lock)", "")},
    'log("a < b, %d /* ", c); /* a == b */': {("no call", 'log("a < b, %d /* ", c)', "")},
    "c = load(&d, __ATOMIC_ACQUIRE);": {("order", "__ATOMIC_ACQUIRE", "__ATOMIC_RELAXED"),
                                        ("no statement", "c = load(&d, __ATOMIC_ACQUIRE)", "")},
    "if (a)\n        return E_NOMEM;": {("condition", "a", "!(a)"), ("condition", "a", "((a), 0)"),
                                       ("condition", "a", "((a), 1)"), ("no return", "return E_NOMEM", ""),
                                       ("error", "E_NOMEM", "OK")},
    "while (g(b))\n        continue;": {("condition", "g(b)", "!(g(b))"), ("condition", "g(b)", "((g(b)), 0)"),
                                       ("no continue", "continue", "")},
    "c = !a && g(1, b) || VMEM_E_BUSY;": {
        ("negation", "!", ""), ("connective", "&&", "||"), ("connective", "||", "&&"), ("constant", "1", "2"),
        ("constant", "1", "0"), ("error", "VMEM_E_BUSY", "VMEM_OK"), ("clause", "!a", "((!a), 1)"),
        ("clause", "g(1, b)", "((g(1, b)), 1)"), ("clause", "g(1, b)", "((g(1, b)), 0)"),
        ("clause", "VMEM_E_BUSY", "((VMEM_E_BUSY), 0)"),
        ("no statement", "c = !a && g(1, b) || VMEM_E_BUSY", "")},
    "(void)a;": set(),
    "for (;;)\n        g(true);": {("bool", "true", "false"), ("no call", "g(true)", "")},
    "struct pair c = {.first = 3};": {("constant", "3", "4"), ("constant", "3", "2")},
}  # fmt: skip


@pytest.mark.parametrize("statement", STATEMENTS)
def test_mutants_of_a_statement(statement: str) -> None:
    found = changes(statement)
    assert set(found) == STATEMENTS[statement] and len(found) == len(set(found))


def test_only_bodies_of_functions_have_mutants() -> None:
    text = "#define A (1 + \\\n  2)\nstruct s { int a[3]; };\nint b[] = {1 + 2};\nint f(int a);\nenum { C = 4 };\n"
    assert mutants_of("f.c", text) == []


def test_a_mutant_is_named_by_its_lines() -> None:
    text = "int f(int a)\n{\n    g(a +\n      1);\n    return 0;\n}\n"
    call = next(mutant for mutant in mutants_of("f.c", text) if mutant.kind == "no call")
    assert call.change(text) == ("g(a + 1);", ";") and call.line(text) == 3 and call.function == "f"
    assert call.apply(text) == "int f(int a)\n{\n    ;\n    return 0;\n}\n"


def test_every_mutant_of_the_tree_is_another_text() -> None:
    for path in sorted((TREE / "mm").rglob("*.[ch]")):
        text = path.read_text()
        for mutant in mutants_of(path.name, text):
            assert mutant.apply(text) != text and mutant.function.isidentifier(), mutant


def test_the_list_of_equivalents_fits_the_tree() -> None:
    read_equivalents(TREE / "tests/mutate/equivalent.txt", TREE)


# ---- a small tree ----

MAKEFILE = """\
O ?= build
CFLAGS = $(WARNINGS) -g -O1 -I. $(HOST_SANITIZERS) -MMD
HOST_SANITIZERS = -fsanitize=address
$(O)/host/%.o: %.c
	@mkdir -p $(@D)
	gcc $(CFLAGS) -c -o $@ $<
$(O)/unit/a/test_sum: $(O)/host/tests/unit/a/test_sum.o $(O)/host/lib/sum.o
$(O)/unit/a/test_none: $(O)/host/tests/unit/a/test_none.o $(O)/host/lib/sum.o
$(O)/unit/%:
	@mkdir -p $(@D)
	gcc $(HOST_SANITIZERS) -o $@ $^
-include $(wildcard $(O)/host/*/*.d $(O)/host/*/*/*/*.d)
"""
FILES = {
    "Makefile": MAKEFILE,
    "lib/sum.h": "static inline int half(int a)\n{\n    return a / 2;\n}\nint sum(int *a, int n);\nint endless(int n);\n",
    "lib/sum.c": """\
#include "lib/sum.h"
int sum(int *a, int n)
{
    int all = 0;
    for (int i = 0; i < n; i++)
        all += a[i];
    return all;
}
int never(void)
{
    return 7;
}
int endless(int n)
{
    while (n)
        n = 0;
    return n;
}
""",
    # A weak test: half() is called with 0, a sum may be too large, and only the sanitizer sees a third element.
    "tests/unit/a/test_sum.c": """\
#include <stdlib.h>
#include "lib/sum.h"
int main(void)
{
    int *a = malloc(2 * sizeof(*a));
    a[0] = 1;
    a[1] = 2;
    int bad = sum(a, 2) < 3;
    free(a);
    return bad || half(0);
}
""",
    "tests/unit/a/test_none.c": '#include "lib/sum.h"\nint main(void)\n{\n    return endless(1);\n}\n',
    "tests/mutate/equivalent.txt": "# none\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "-q", root], check=True)
    return root


def mutate(tool: Tool, tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return tool("mutate", tree.parent / "out", *arguments, "--tree", tree, "--count", "0")


def outcomes(tree: Path) -> dict[str, tuple[str, str]]:
    report = json.loads((tree.parent / "out/mutate/report.json").read_text())
    return {each["new"]: (each["outcome"], each["by"]) for each in report}


def test_a_small_tree(tool: Tool, tree: Path) -> None:
    done = mutate(tool, tree, "lib", "--jobs", "2", "--least", "90")
    assert done.returncode == 1, done.stdout + done.stderr
    found = outcomes(tree)
    assert found["all -= a[i];"] == ("killed", "plain a/test_sum")
    assert found["for (int i = 0; i <= n; i++)"] == ("killed", "asan a/test_sum")
    survivors = {new for new, (word, _) in found.items() if word == "survived"}
    assert survivors == {"return a * 2;", "return a / 1;", "return a / 3;", "int all = 1;", "return 8;", "return 6;"}
    assert found["return 8;"] == ("survived", "no program reaches it")
    assert found["n = 1;"] == ("killed", "plain a/test_none")  # it never ends, and the other one does not run it
    assert "  - return a / 2;\n  + return a / 3;" in done.stdout
    assert (tree / "lib/sum.c").read_text() == FILES["lib/sum.c"]


def test_one_that_is_known_to_be_equivalent(tool: Tool, tree: Path) -> None:
    known = tree / "tests/mutate/equivalent.txt"
    known.write_text("# why\nlib/sum.h half\n  return a / 2;\n  return a / 3;\n  half of nothing\n")
    done = mutate(tool, tree, "lib/sum.h", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes(tree)["return a / 3;"] == ("equivalent", "half of nothing")
    known.write_text("lib/sum.h half\n  return a / 2;\n  return a / 9;\n  no such mutant\n")
    done = mutate(tool, tree, "lib/sum.h")
    assert done.returncode == 1 and "no mutant makes 'return a / 9;' of 'return a / 2;'" in done.stderr


def test_a_tree_that_fails_without_a_mutant(tool: Tool, tree: Path) -> None:
    (tree / "tests/unit/a/test_sum.c").write_text('#include "lib/sum.h"\nint main(void)\n{\n    return sum(0, 0) + 1;\n}\n')
    done = mutate(tool, tree, "lib/sum.c")
    assert done.returncode == 1 and "a/test_sum fails without a mutant (coverage)" in done.stderr
    done = mutate(tool, tree, "nothing")
    assert done.returncode == 1 and "there is no C in nothing" in done.stderr


def test_a_sample_is_the_seed_s(tool: Tool, tree: Path) -> None:
    texts = []
    for seed in ("1", "1", "2"):
        done = tool("mutate", tree.parent / "out", "lib", "--tree", tree, "--count", "3", "--seed", seed)
        assert done.returncode == 0, done.stdout + done.stderr
        texts.append(sorted(outcomes(tree)))
    assert texts[0] == texts[1] != texts[2] and len(texts[0]) <= 3
