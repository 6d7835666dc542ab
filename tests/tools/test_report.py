# SPDX-License-Identifier: BSD-2-Clause
"""The pictures: SVGs, and report.html in a real browser."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Callable

import pytest
from chromium import Page, find_chromium
from tide_experiment import report, results

needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="chromium is not installed")
PIXELS = "document.querySelector('canvas.grid').toDataURL()"


@pytest.fixture
def page_file(experiment: Path) -> Path:
    return report.write(results.read_experiment(experiment))


def test_one_file_and_no_other(page_file: Path) -> None:
    text = page_file.read_text()
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:)", text), "nothing is loaded from elsewhere"
    assert "/*DATA*/" not in text
    assert text.count("</script>") == 1, "what a title says cannot end the script"


def test_svgs(experiment: Path) -> None:
    from tide_experiment import figures

    drawn = figures.draw_all(results.read_experiment(experiment))
    names = {path.name for path in drawn}
    assert names == {"time.svg", "instructions.svg", "done.svg", "steps.svg", "map-tide.svg", "map-linux.svg"}
    for path in drawn:
        root = ElementTree.parse(path).getroot()
        assert root.tag.endswith("svg") and len(list(root.iter())) > 30, path.name
    assert "Linux, grow" in (experiment / "time.svg").read_text()


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
        assert page.run("document.querySelectorAll('#charts svg circle').length") > 0
        assert page.run("document.querySelectorAll('#run option').length") == 6
        assert page.run("document.querySelectorAll('#table tbody tr').length") == 6
        assert "did not end well: interrupted" in page.run("document.querySelector('#state').textContent")
        slide_the_map(page)
        play_the_map(page)
        choose_another_run(page)
        page.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 20_000
        assert page.errors == []
        assert page.requests == [page_file.as_uri()], "the page asks for nothing else"


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
    path = report.write(results.read_experiment(experiment))
    with Page(path.as_uri()) as page:
        assert "This run left no samples." in page.run("document.body.textContent")
        assert page.errors == []
