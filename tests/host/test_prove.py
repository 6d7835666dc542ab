# SPDX-License-Identifier: BSD-2-Clause
"""What tools/prove makes of CBMC's words, of a proof's files and of the page; CBMC itself is a script here."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tide.proofs import Mutant, read_proofs, scratch_tree, table_complaints, write_table
from tide.suites import TREE

SOURCE = "int half(int a)\n{\n    return a / 2;\n}\n"
PROOF = """\
function = "half"
file = "lib/half.c"
proves = "it is half"
bounds = "every number"
clauses = ["M1"]
[[mutant]]
line = "a / 2"
becomes = "a / 3"
[[mutant]]
line = "a /"
becomes = "a *"
[[mutant]]
line = "return a"
becomes = "return 1"
"""
# In place of CBMC: it succeeds as long as the source is as it was, and says so as CBMC does.
CBMC = """\
#!/bin/sh
[ "$1" = cbmc ] || exit 0
echo "[half.overflow.1] line 3 arithmetic overflow: SUCCESS"
if grep -q 'return a / 2;' lib/half.c; then echo VERIFICATION SUCCESSFUL; exit 0; fi
echo "lib/half.c function half"
echo "[half.assertion.1] line 3 it is half: FAILURE"
exit 10
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("arch", "boot", "drivers", "extras", "include", "kernel", "lib", "mm", "monitor", "tests/proofs/half",
                 "build/cbmc", "tools/tide", "docs"):  # fmt: skip
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib/half.c").write_text(SOURCE)
    (tmp_path / "tests/proofs/half/half_harness.c").write_text("half(nondet_int());\n")
    (tmp_path / "tests/proofs/half/proof.toml").write_text(PROOF)
    (tmp_path / "docs/proofs.md").write_text("# Proofs\n\n| proof | function |\n|---|---|\n\nThe end.\n")
    for path in (TREE / "tools/tide").glob("*.py"):
        (tmp_path / "tools/tide" / path.name).symlink_to(path)
    (tmp_path / "tools/prove").write_bytes((TREE / "tools/prove").read_bytes())
    write_cbmc(tmp_path, CBMC)
    return tmp_path


def write_cbmc(tree: Path, text: str) -> None:
    (tree / "build/cbmc/run").write_text(text)
    (tree / "build/cbmc/run").chmod(0o755)


def prove(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, tree / "tools/prove", tree / "build", *arguments], capture_output=True,
                          text=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})  # fmt: skip


def test_a_proof_and_its_mutants(tree: Path) -> None:
    done = prove(tree)
    assert done.returncode == 0 and done.stdout.endswith("\n1 passed, 0 failed\n") and "1 properties" in done.stdout
    done = prove(tree, "--mutants")
    assert done.returncode == 0 and done.stdout.endswith("\n3 passed, 0 failed\n"), done.stdout
    assert (tree / "lib/half.c").read_text() == SOURCE


def test_a_proof_that_fails(tree: Path) -> None:
    (tree / "lib/half.c").write_text(SOURCE.replace("a / 2;", "a / 2 ;"))
    done = prove(tree)
    assert done.returncode == 1 and "lib/half.c: line 3 it is half" in done.stdout
    assert done.stdout.endswith("\n0 passed, 1 failed\n")


@pytest.mark.parametrize("words, status", [("**** WARNING: no body for function third", 0), ("out of memory", 6),
                                           ("**** WARNING: no body for function third", 10)])  # fmt: skip
def test_what_is_neither_proved_nor_refuted_fails(tree: Path, words: str, status: int) -> None:
    write_cbmc(tree, f"#!/bin/sh\n[ $1 = cbmc ] || exit 0\necho '{words}'\nexit {status}\n")
    for arguments in ((), ("--mutants",)):
        done = prove(tree, *arguments)
        assert done.returncode == 1 and ("third" in done.stdout or words in done.stdout)


def test_a_mutant_that_survives_fails(tree: Path) -> None:
    write_cbmc(tree, "#!/bin/sh\nexit 0\n")
    done = prove(tree, "--mutants")
    assert done.returncode == 1 and done.stdout.endswith("\n0 passed, 3 failed\n")


@pytest.mark.parametrize("arguments", [[], ["--mutants"]])
def test_a_signal_ends_the_solvers_without_a_word(tree: Path, arguments: list[str]) -> None:
    os.mkfifo(tree / "alive")
    write_cbmc(tree, f"#!/bin/sh\n[ $1 = cbmc ] || exit 0\nexec 3>{tree}/alive\necho >&3\nsleep 1000 &\nwait\n")
    command = [sys.executable, tree / "tools/prove", tree / "build", "--jobs", "1", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with (tree / "alive").open("rb") as alive:
            assert alive.readline() == b"\n"
            process.terminate()
            assert alive.read() == b""  # the end: no solver is left
        assert process.communicate() == (b"", b"") and process.returncode == 128 + signal.SIGTERM
    assert list((tree / "build/prove/tmp").iterdir()) == []


def test_a_mutant_fits_one_place(tree: Path) -> None:
    assert Mutant("lib/half.c", "a / 2", "").complaint(tree) == ""
    for line in ("a / 4", "a"):
        assert "lib/half.c: `" in Mutant("lib/half.c", line, "").complaint(tree)
    (tree / "lib/half.c").write_text(SOURCE.replace("a / 2", "a >> 1"))
    done = prove(tree)
    assert done.returncode == 1 and "`a / 2` stands there 0 times, not once" in done.stderr


def test_a_scratch_tree_leaves_the_sources_alone(tree: Path) -> None:
    (tree / "build/prove/tmp").mkdir(parents=True)
    with scratch_tree(tree, tree / "build/prove") as scratch:
        Mutant("lib/half.c", "a / 2", "0").apply(scratch)
        assert (scratch / "lib/half.c").read_text() == SOURCE.replace("a / 2", "0")
    assert (tree / "lib/half.c").read_text() == SOURCE and not scratch.exists()


def test_the_table_follows_the_folders(tree: Path) -> None:
    page = tree / "docs/proofs.md"
    assert "no row" in table_complaints(page, tree, {"M1"})[0]
    proofs = read_proofs(tree, [])
    write_table(page, proofs, tree / "build/prove")
    assert table_complaints(page, tree, {"M1"}) == []
    assert prove(tree).returncode == 0
    write_table(page, proofs, tree / "build/prove")
    assert table_complaints(page, tree, {"M1"}) == [] and "| cadical | 0 | M1 |" in page.read_text()
    assert page.read_text().endswith("|\n\nThe end.\n") and page.read_text().count("half.c:half") == 1
    assert "clause M1" in table_complaints(page, tree, {"M2"})[0]
    (tree / "tests/proofs/half/proof.toml").write_text(PROOF.replace("every number", "some"))
    assert len(table_complaints(page, tree, {"M1"})) == 2
