# SPDX-License-Identifier: BSD-2-Clause
"""The pictures: SVGs, and report.html in a real browser."""

import html
import json
import re
from pathlib import Path
from typing import Callable

import pytest
from chromium import Page, find_chromium
from tide_experiment import results, style

pytest.importorskip("matplotlib")
from tide_experiment import figures, report  # noqa: E402  they need matplotlib

needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="chromium is not installed")
PIXELS = "document.querySelector('canvas.grid').toDataURL()"


@pytest.fixture
def page_file(experiment: Path) -> Path:
    return written(experiment)


def written(folder: Path) -> Path:
    made = results.read_experiment(folder)
    return report.write(made, figures.draw_all(made, style.Look(formats=("svg",))))


def test_one_file_and_no_other(page_file: Path) -> None:
    text = page_file.read_text()
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:|#)", text), "nothing is loaded from elsewhere"
    assert "{{" not in text
    assert text.count("</script>") == 1, "what a title says cannot end the script"


def test_page_and_files_are_one(experiment: Path, page_file: Path) -> None:
    """The page holds the very shapes and words of the SVG files, and their captions."""
    page = page_file.read_text()
    captions = (experiment / "captions.txt").read_text()
    files = sorted(experiment.glob("*.svg"))
    assert [path.name for path in files] == ["done.svg", "instructions.svg", "map.svg", "steps.svg", "time.svg"]
    for path in files:
        drawing = path.read_text()
        shapes = re.findall(r' d="([^"]+)"', drawing)
        assert len(shapes) > 10 and all(f' d="{shape}"' in page for shape in shapes), path.name
        words = re.findall(r"<text [^>]*>([^<]+)</text>", drawing)
        assert len(words) > 5 and all(f">{word}</text>" in page for word in words), path.name
        caption = re.search(rf"^{path.stem}: (.*)$", captions, re.M)
        assert caption and html.escape(caption[1]) in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)), "what one picture refers to is its own"
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page))
    assert used and used <= set(ids)


def test_plot_command(experiment: Path, tool: Callable[..., object]) -> None:
    done = tool("experiment", "plot", experiment)
    assert done.returncode == 0, done.stderr
    assert (experiment / "report.html").exists() and (experiment / "steps.csv").exists()
    assert "interrupted: by the user; missing: steps 3 to 9" in done.stdout
    nothing = tool("experiment", "plot", "--out", experiment, "no-such.toml")
    assert nothing.returncode == 2 and "there are no results" in nothing.stderr


@needs_chromium
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_in_chromium(page_file: Path, dark: bool, tmp_path: Path) -> None:
    with Page(page_file.as_uri(), dark=dark) as page:
        assert page.run("document.querySelector('#title').textContent") == "Made by hand </script><b>"
        assert page.run("document.querySelectorAll('#charts svg').length") == 3
        assert page.run("document.querySelectorAll('#over-time svg').length") == 2
        line = page.run("getComputedStyle(document.querySelector('#charts svg path[style*=\"var(--c0072b2)\"]')).stroke")
        assert line == ("rgb(31, 127, 215)" if dark else "rgb(0, 114, 178)")
        assert page.run("document.querySelectorAll('#run option').length") == 6
        assert page.run("document.querySelectorAll('#table tbody tr').length") == 6
        assert "did not end well: interrupted" in page.run("document.querySelector('#state').textContent")
        slide_the_map(page)
        play_the_map(page)
        choose_another_run(page)
        page.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 20_000
        assert page.errors == []
        asked = [url for url in page.requests if not url.startswith("data:")]
        assert asked == [page_file.as_uri()], "the page asks for nothing else"


def move_slider(page: Page, to: int) -> None:
    page.run(f"(() => {{ const s = document.querySelector('#time'); s.value = {to};"
             " s.dispatchEvent(new Event('input')); })()")  # fmt: skip


def legend(page: Page) -> list[int]:
    return page.run("Array.from(document.querySelectorAll('#map-legend b')).map(b => +b.textContent)")


def slide_the_map(page: Page) -> None:
    """The slider changes the counts, the clock and the picture itself."""
    pictures = set()
    wanted = {0: [32, 0, 0, 0], 1: [0, 20, 4, 8], 2: [8, 12, 4, 8], 3: [28, 0, 2, 2]}
    for moment, counts in wanted.items():
        move_slider(page, moment)
        assert legend(page) == counts
        assert page.run("document.querySelector('#clock').textContent").startswith(f"{moment}.00 s")
        pictures.add(page.run(PIXELS))
    assert len(pictures) == 4


def play_the_map(page: Page) -> None:
    """Play goes from the first moment to the last, and stops there."""
    move_slider(page, 0)
    page.run("document.querySelector('#play').click()")
    assert page.run("document.querySelector('#play').getAttribute('aria-pressed')") == "true"
    page.wait("document.querySelector('#time').value === '3'")
    page.wait("document.querySelector('#play').getAttribute('aria-pressed') === 'false'")


def choose_another_run(page: Page) -> None:
    page.run("(() => { const r = document.querySelector('#run'); r.value = 5;"
             " r.dispatchEvent(new Event('change')); })()")  # fmt: skip
    assert "interrupted: by the user; missing" in page.run("document.querySelector('#run-state').textContent")


@needs_chromium
def test_page_without_results(experiment: Path) -> None:
    """An experiment of which nothing is left but its folders still has a page."""
    for run in (experiment / "runs").iterdir():
        (run / "series.csv").unlink()
        (run / "steps.csv").unlink()
    with Page(written(experiment).as_uri()) as page:
        assert "This run left no samples." in page.run("document.body.textContent")
        assert page.errors == []


@needs_chromium
def test_wide_table_is_never_cut(experiment: Path) -> None:
    """With every column, long names and wide numbers the table is within its card on a page of 1280 pixels."""
    for run in (experiment / "runs").iterdir():
        text = (run / "steps.csv").read_text()
        head, *rows = [line.split(",") for line in text.splitlines()]
        for row in rows:
            for name in ("busy", "workload_moved", "cpu_ms", "resident_after", "instructions"):
                row[head.index(name)] = str(123456789 * int(run.name[-1]))
            row[head.index("label")] = "give back everything that was freed before the functions came"
        lines = [row for row in rows] + [["vmem1" if cell == "vmem0" else cell for cell in row] for row in rows]
        (run / "steps.csv").write_text("\n".join(",".join(row) for row in [head, *lines]) + "\n")
        meta = json.loads((run / "meta.json").read_text())
        meta |= {"variant": f"workload.occupancy=40,device.block=128M,run={run.name}",
                 "mechanism": "virtio-mem+reporting" if "tide" in run.name else "balloon"}  # fmt: skip
        (run / "meta.json").write_text(json.dumps(meta))
    with Page(written(experiment).as_uri(), width=1280) as page:
        assert page.run("document.querySelectorAll('#table th').length") == 14
        assert page.run("document.documentElement.scrollWidth") <= 1280
        box = page.run("(() => { const t = document.querySelector('#table').getBoundingClientRect(),"
                       " c = document.querySelector('#table').parentNode.getBoundingClientRect();"
                       " return [t.left - c.left, c.right - t.right]; })()")  # fmt: skip
        assert min(box) >= 0
        assert page.run("[...document.querySelectorAll('#table td')].every(d => d.scrollWidth <= d.clientWidth)")
