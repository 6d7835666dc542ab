# SPDX-License-Identifier: BSD-2-Clause
"""The grader and tools/course: limits, seeds, what a student can and cannot change, and what is not in a tree."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

import pytest
from conftest import TREE, Course, Grade
from tide_course import failure, sandbox
from tide_course.grade import read_seeds
from tide_course.lab import LabError, find_lab, lab_folders, read_lab
from tide_course.source import emptied, odd_lines, with_body

PLAN = "drivers/virtio/mem/plan.c"


def run_python(code: str, tmp_path: Path, cpu_seconds: int = 60) -> sandbox.Ended:
    cut = sandbox.can_cut_network()
    return sandbox.run([sys.executable, "-c", code], tmp_path / "log", {"PATH": "/usr/bin:/bin"}, cpu_seconds, cut)


def test_processor_time_is_limited(tmp_path: Path) -> None:
    ended = run_python("while True: pass", tmp_path, cpu_seconds=1)
    assert ended.reason.startswith("it took more than 1 s of a processor")


def test_output_is_limited(tmp_path: Path) -> None:
    ended = run_python("import sys\nwhile True: sys.stdout.write('x' * 65536)", tmp_path)
    assert ended.status != 0
    assert (tmp_path / "log").stat().st_size <= sandbox.OUTPUT_BYTES


def test_network_is_cut_off(tmp_path: Path) -> None:
    if not sandbox.can_cut_network():
        pytest.skip("this system allows no network namespace")
    ended = run_python("import socket; print([name for _, name in socket.if_nameindex()])", tmp_path)
    assert ended.status == 0
    assert "'lo'" in ended.output and "eth" not in ended.output and "en" not in ended.output


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_what_a_test_started_ends_with_it(tmp_path: Path) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '1000']).pid, flush=True)"
    ended = run_python(code, tmp_path)
    deadline = time.monotonic() + 600  # only one that lives on meets it
    while is_alive(int(ended.output)):
        assert time.monotonic() < deadline


def test_seeds(tmp_path: Path) -> None:
    path = tmp_path / "seeds"
    path.write_text("# of this term\n4711\n\n12 # and one more\n")
    assert read_seeds(path) == (4711, 12)
    for wrong in ("", "12 13\n", "x\n"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match="expected a number on each line"):
            read_seeds(path)


def test_functions_in_text() -> None:
    text = "/* Adds. */\nstatic int add(int a,\n               int b)\n{\n    return a + b;\n}\n\nint add(int, int);\n"
    assert '{\n    lab_missing("add");\n}\n\nint add' in emptied(text, "add")
    assert "{\n    return 0;\n}" in with_body(text, "add", "    return 0;")
    with pytest.raises(LabError, match=r"sub\(\) is defined 0 times"):
        emptied(text, "sub")


@pytest.mark.parametrize("change, complaint", [
    ('name = "x"\npoints = 5\nhint = ""', "expected a program with a case, or pytest"),
    ('name = "x"\nhint = ""\npytest = "t"', "points is missing"),
    ('name = "x"\npoints = "5"\nhint = ""\npytest = "t"', "points is '5', expected int"),
    ('name = "x"\npoint = 5', "'point' is not one of"),
])  # fmt: skip
def test_wrong_lab_is_named(tmp_path: Path, change: str, complaint: str) -> None:
    (tmp_path / "lab.toml").write_text(
        f'title = "T"\nwrite = []\n[[checkpoint]]\ntitle = "C"\n[[checkpoint.test]]\n{change}\n'
    )
    with pytest.raises(LabError, match=complaint):
        read_lab(tmp_path)


def test_lab_by_each_name() -> None:
    for name in ("7", "07", "planner", "07-planner"):
        assert find_lab(TREE, name).name == "07-planner"
    with pytest.raises(LabError, match="there is no lab 'plan'"):
        find_lab(TREE, "plan")


@pytest.mark.parametrize("lab", [path.name for path in lab_folders(TREE)])
def test_no_answer_is_in_a_students_tree(lab: str, folder: Path, course: Course) -> None:
    """One commit, no file of another lab or of the lecturer's, and no body that was taken out."""
    assert course("new", lab, folder).returncode == 0
    history = subprocess.run(["git", "log", "--all", "--format=%s"], cwd=folder, capture_output=True, text=True)
    assert len(history.stdout.splitlines()) == 1
    objects = subprocess.run(["git", "count-objects", "-v"], cwd=folder, capture_output=True, text=True).stdout
    assert "packs: 0" in objects
    assert not list(folder.rglob("wrong.toml"))
    assert len(list(folder.rglob("lab.toml"))) == 1
    texts = [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    for write in read_lab(TREE / "course/labs" / lab).writes:
        source = (TREE / write.file).read_text()
        assert not any(source in text for text in texts)
        for name in write.functions:
            body = source[len(with_body(source, name, "@").split("@")[0]) :].split("\n}\n")[0]
            assert len(body) < 60 or not any(body in text for text in texts), f"{write.file}: {name}() is in the tree"


CMOCKA = "[ RUN      ] test\n{said}[   LINE   ] --- tests/unit/a.c:12: error: Failure!\n"


@pytest.mark.parametrize("said, why", [
    ("[  ERROR   ] --- 0xfffffffffffffff8 != 0xfffffffffffffff6\n", "E_BROKEN != E_AGAIN, at tests/unit/a.c:12"),
    ("[  ERROR   ] --- 0xffffffffffffff85 != 0\n", "-123 != 0, at tests/unit/a.c:12"),
    ("ERROR: case 10: ACK\n[  ERROR   ] --- ", "case 10: ACK, at tests/unit/a.c:12"),
    ("[  ERROR   ] --- ASSERT: mm/b.c:7: x\n", "ASSERT: mm/b.c:7: x"),
    ("lab: f() of b.c is yours to write\n", "f() of b.c is yours to write"),
    ("==1==ERROR: AddressSanitizer: heap-use-after-free\n", "==1==ERROR: AddressSanitizer: heap-use-after-free"),
])  # fmt: skip
def test_failure_says_why_and_where(said: str, why: str) -> None:
    assert failure.why(CMOCKA.format(said=said), 1, TREE) == why


def test_warnings_of_a_students_file_are_shown(folder: Path, course: Course, grade: Callable[..., Grade]) -> None:
    """Each once, though a file is compiled twice, and none of another file."""
    assert course("new", "7", folder, "--answer", "solution").returncode == 0
    for name in (PLAN, "drivers/virtio/mem/reply.c"):
        with open(folder / name, "a") as file:
            file.write("static int lab_warns(void) { }\n")
    graded = grade(folder)
    assert graded.output.count("lab_warns") == 0 and graded.output.count("warning: no return statement") == 1
    assert graded.points == 100


def test_debugger_stops_where_a_test_fails(folder: Path, course: Course, grade: Callable[..., Grade]) -> None:
    assert course("new", "7", folder, "--answer", "first-fit").returncode == 0
    assert grade(folder, "--only", "longest-first").points == 0
    command = [sys.executable, "tools/grade", "--debug", "--only", "longest-first"]
    done = subprocess.run(command, cwd=folder, input="q\n", capture_output=True, text=True, timeout=600)
    assert "It failed in " in done.stdout, done.stdout + done.stderr
    assert "tests/unit/virtio_mem/test_lab_planner.c:" in done.stdout.partition("It failed in ")[2]
    command[-1] = "qemu"
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and "`make gdb` has the kernel" in done.stderr


def test_text_that_is_no_c(folder: Path, course: Course, grade: Callable[..., Grade]) -> None:
    """What does not compile is worth nothing, also where a program of before is there; the grader shows the error."""
    assert course("new", "7", folder, "--answer", "solution").returncode == 0
    assert grade(folder, "--only", "usable").points == 10
    with open(folder / PLAN, "a") as file:
        file.write("this is no C\n")
    command = [sys.executable, "tools/grade", "--only", "usable"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert "0 of 10 points" in done.stdout
    assert done.stdout.count(f"{PLAN}:") == done.stdout.count("error:") >= 1
    assert "not built: see above" in done.stdout and "hint:" not in done.stdout


def test_lines_that_no_answer_needs_are_shown() -> None:
    """No solution has one, and a comment is none."""
    for folder in lab_folders(TREE):
        for write in read_lab(folder).writes:
            solution = skeleton = (TREE / write.file).read_text()
            for name in write.functions:
                skeleton = emptied(skeleton, name)
            assert odd_lines(solution, skeleton) == [], write.file
    text = '/* an\n exit */\n__attribute__((constructor)) static void f(void)\n{\n    _exit(0);\n}\n'
    assert [number for number, _ in odd_lines(text, "{\n}\n")] == [3, 5]


def test_only_the_listed_files_are_graded(folder: Path, course: Course, tmp_path: Path) -> None:
    """A student's own tests, points and grader count for nothing."""
    assert course("new", "7", folder, "--answer", "first-fit").returncode == 0
    (folder / "tests/unit/virtio_mem/test_lab_planner.c").write_text("int main(void) { return 0; }\n")
    (folder / "tools/grade").write_text("print('100 of 100 points')\n")
    with open(folder / PLAN, "a") as file:
        file.write("void _exit(int);\n")
    seeds = tmp_path / "seeds"
    seeds.write_text("31\n")
    done = course("grade", "7", folder, "--json", tmp_path / "results.json", "--seeds", seeds, "--only", "fewest")
    results = json.loads((tmp_path / "results.json").read_text())
    assert [test["name"] for test in results["tests"]] == ["fewest"], done.stdout + done.stderr
    assert results["score"] == 0
    assert "seed 31" in done.stdout
    assert done.stdout.startswith(f"look at {PLAN}:")
    assert "Hint: " in results["tests"][0]["output"]
