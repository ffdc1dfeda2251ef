"""The benchmarks' arithmetic and text. What they measure is no test: it needs a registry and a quiet machine."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks need wait4")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_ratios_are_those_of_rounds() -> None:
    from measuring import Ratio, ratio

    # the second round met a busy machine: the ratio of the medians would be 3 / 2
    assert ratio([2.0, 30.0, 3.0], [1.0, 15.0, 2.0]) == Ratio(2.0, 1.5, 2.0)
    # a tool that takes long runs fewer rounds
    assert ratio([2.0, 9.0], [1.0]) == Ratio(2.0, 2.0, 2.0)


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_the_exponent_of_growth(power: float) -> None:
    from measuring import exponent

    assert exponent([(x, 3 * x**power) for x in (1_000, 2_000, 5_000)]) == pytest.approx(power)


def test_the_exponent_needs_sizes_that_differ() -> None:
    from measuring import exponent

    with pytest.raises(ValueError, match="constant"):
        exponent([(1_000, 1.0), (1_000, 2.0)])


def test_a_command_that_fails_is_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from measuring import Command, in_turn

    good = Command("good", (sys.executable, "-c", "sum(range(3_000_000))"), tmp_path)
    bad = Command("bad", (sys.executable, "-c", "raise SystemExit('no such luck')"), tmp_path)
    missing = Command("missing", (str(tmp_path / "nothing"),), tmp_path)
    samples = in_turn([bad, good, missing], 2)
    assert list(samples) == ["good"]
    assert len(samples["good"]) == 2
    assert all(each.cpu > 0 and each.wall > 0 for each in samples["good"])
    noted = capfd.readouterr().err
    assert "left out: bad: status 1: no such luck" in noted
    assert "left out: missing" in noted


def test_a_command_may_end_as_a_linter_does(tmp_path: Path) -> None:
    from measuring import Command, Failed, run

    command = Command("linter", (sys.executable, "-c", "raise SystemExit(1)"), tmp_path)
    with pytest.raises(Failed):
        run(command)
    assert run(replace(command, statuses=(0, 1))).wall > 0


def test_what_hangs_is_ended(tmp_path: Path) -> None:
    from measuring import Command, Failed, run

    with pytest.raises(Failed, match="status -9"):
        run(Command("hangs", (sys.executable, "-c", "import time; time.sleep(60)"), tmp_path), timeout=0.5)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell")
def test_memory_is_that_of_all_processes(tmp_path: Path) -> None:
    from measuring import Command, memory

    child = "import time; held = bytearray(60 << 20); time.sleep(1)"
    parent = f"import subprocess, sys; held = bytearray(60 << 20); subprocess.run([sys.executable, '-c', {child!r}])"
    most = memory(Command("two", (sys.executable, "-c", parent), tmp_path))
    assert most is not None
    assert 120 < most < 200


def test_a_table() -> None:
    from tables import table

    assert table(["what", "ratio:"], [["a | b", "2.0"]]) == "| what | ratio |\n|---|--:|\n| a \\| b | 2.0 |"


def test_numbers_have_two_digits_that_count() -> None:
    from measuring import Ratio
    from tables import significant, spread

    assert [significant(number) for number in (0, 0.01234, 0.5, 2.04, 23.4, 1234.5)] == [
        "0",
        "0.012",
        "0.50",
        "2.0",
        "23",
        "1,234",
    ]
    assert significant(1.26, " s") == "1.3 s"
    assert spread(Ratio(2.0, 1.9, 2.5)) == "2.0 (1.9 to 2.5)"
    assert spread(Ratio(2.0, 1.99, 2.01)) == "2.0"


def test_the_chart_is_well_formed_and_inside_its_frame() -> None:
    from tables import HEIGHT, WIDTH, Panel, Series, chart

    steep = Series("a <b> & c", ((1_000, 0.5), (2_000, 2.0), (10_000, 50.0)))
    flat = Series("flat", ((1_000, 0.1), (10_000, 0.2)))
    root = ElementTree.fromstring(chart([Panel("one", "lines", "seconds", (steep, flat)), Panel("two", "x", "y", (flat,))]))
    assert root.get("viewBox") == f"0 0 {2 * WIDTH} {HEIGHT}"
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert {"a <b> & c", "lines", "seconds", "linear", "1k", "10k", "0.1", "50"} <= texts
    circles = [(float(each.get("cx", "nan")), float(each.get("cy", "nan"))) for each in root.iter(f"{SVG}circle")]
    assert len(circles) == 3 + 2 + 2
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in circles)
    # logarithmic: as far from 1,000 to 2,000 lines as log 2 of the way to 10,000, and more is further up
    (x1, y1), (x2, y2), (x3, y3) = circles[:3]
    assert (x2 - x1) / (x3 - x1) == pytest.approx(0.301, abs=0.002)
    assert y1 > y2 > y3


def test_a_made_up_file_is_python_with_pools() -> None:
    from trees import made_up

    from poolaudit.survey import survey_file

    text = made_up(1_000)
    assert 1_000 <= text.count("\n") < 1_200
    assert text == made_up(1_000)
    assert len([site for site in survey_file("made_up.py", text).sites if site.workers == "process"]) >= 4


def test_what_is_pinned_is_pinned() -> None:
    import environments
    import trees

    requirements = [
        *trees.WITHOUT,
        *trees.ALIKE,
        *trees.WITH,
        *(each for every in environments.PINNED.values() for each in every),
    ]
    assert all(requirement.count("==") == 1 for requirement in requirements)
    assert set(trees.SMALL) | set(trees.MEDIUM) <= {*trees.WITHOUT, *trees.ALIKE, *trees.WITH}
