"""Notebooks: which lines are Python, where they stand in the JSON, and what is written back.

Knows small notebooks and what becomes of them, by the modules and by the whole command. Must never know more of a rule than that
it reports.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolaudit import config, discover, engine, notebook, source
from poolaudit.judge import UNREADABLE
from poolaudit.magics import python
from poolaudit.notebook import CellLines, NotANotebook, Unwritable, parse
from poolaudit.report import Report, concise, text
from poolaudit.report import json as contract
from poolaudit.rewrite import rewrite as rewrite_files
from poolaudit.rules.startup.notebook_task import RULE
from poolaudit.settings import Settings
from poolaudit.survey import survey_file
from test_end_to_end import poolaudit

# --- IPython's own syntax


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("x = 1\n", "x = 1\n"),
        ("%matplotlib inline\nx = 1\n", "0#atplotlib inline\nx = 1\n"),
        ("if x:\n    !ls\n\ty = 1", "if x:\n    0#s\n\ty = 1"),
        ("!pip install \\\n  -U é\nx", "0#ip install \\\n# -U é\nx"),
        ("pip install poolaudit -U", "0#p install poolaudit -U"),
        ("pip = install", "pip = install"),
        ("?x", "0#"),
        ("pool.map??\ny", "0#ol.map??\ny"),
        ("a[1].b ? # what\n", "0#1].b ? # what\n"),
        ("x = 1  # what?\n", "x = 1  # what?\n"),
        ("/f 1\n,f a b\n;f a", "0# 1\n0# a b\n0# a"),
        ("files = !ls *.py\n", "files = []# *.py\n"),
        ("x=!l", "x=[]"),
        ("a, b = %sql select 1", "a, b = _ #l select 1"),
        ("x == !y", "x == !y"),
        ("x = (a\n % b)\n", "x = (a\n % b)\n"),
        ("x = a \\\n  % b\n", "x = a \\\n  % b\n"),
        ('s = """\n!important\n%d\n"""\n!ls', 's = """\n!important\n%d\n"""\n0#s'),
        ("s = '''it's\n!x''' # '''\n%x y", "s = '''it's\n!x''' # '''\n0# y"),
        ("%cd it's\nx = 1", "0#d it's\nx = 1"),
        ("x = f'{a!r}'\n%cd", "x = f'{a!r}'\n0#d"),
        ("%time r = pool.map(f, xs)", "0;    r = pool.map(f, xs)"),
        ("for x in y:\n    %timeit -n 10 -r3 -q f(x)", "for x in y:\n    0;                   f(x)"),
        ("%prun -s cumtime -q f()", "0;                  f()"),
        ("%time print 'x'", "0#ime print 'x'"),
        ("%time", "0#ime"),
        ("%timer f()", "0#imer f()"),
        ("%%time\nx = 1", "0#time\nx = 1"),
        ("\n%%capture out\n%%time\nz", "\n0#capture out\n0#time\nz"),
        ("x = 1\r\n%cd a\r\ny\f", "x = 1\r\n0#d a\r\ny "),
        ("", ""),
    ],
)
def test_what_is_not_python_is_blanked_out(cell: str, code: str) -> None:
    assert python(cell) == code


@pytest.mark.parametrize(
    "cell", ["%%bash\nls", "\n %%time\n%%html\n<b>".replace(" ", ""), "%%px\nx = 1", "%%writefile a.py\nx = 1"]
)
def test_a_cell_that_runs_elsewhere_is_no_code(cell: str) -> None:
    assert python(cell) is None


PIECES = [
    "%time ",
    "%cd a",
    "!ls",
    "x = ",
    "f(",
    ")",
    "'",
    '"""',
    "\n",
    "\r\n",
    "\\",
    "  ",
    "#",
    "é",
    "?",
    "y",
    "%%time",
    "=",
    "[",
    "\f",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_places_stay(cell: str) -> None:
    code = python(cell)
    if code is not None:
        assert len(code) == len(cell)
        assert [at for at, letter in enumerate(code) if letter in "\r\n"] == [
            at for at, letter in enumerate(cell) if letter in "\r\n"
        ]


@pytest.mark.parametrize("path", sorted(Path(notebook.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_python_stays_what_it_is(path: Path) -> None:
    program = path.read_text("utf-8")
    assert python(program) == program


# --- the document


def cell(code: str, kind: str = "code", **more: object) -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {}, "source": code.splitlines(keepends=True), **more}


def document(*cells: dict[str, Any] | str, **more: object) -> str:
    content = {"cells": [cell(each) if isinstance(each, str) else each for each in cells], "metadata": {}, "nbformat": 4, **more}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def test_cells_of_every_kind_are_counted_and_those_with_python_are_read() -> None:
    found = parse(document(cell("# é", "markdown"), "a\n", "%%bash\nls", "", cell("raw", "raw"), cell("b\r\nc", source="b\r\nc")))
    assert [(each.number, each.source) for each in found.cells] == [(2, "a\n"), (6, "b\r\nc")]
    assert found.code == found.shown == "a\n\n\f\nb\r\nc"
    assert [json.loads(found.document[each.start : each.end]) for each in found.cells] == [["a\n"], "b\r\nc"]


def test_lines_are_counted_in_their_cell() -> None:
    lines = CellLines(parse(document("a\nb\n", cell("", "markdown"), "c\r\nd", "e")))
    assert [lines.place(line) for line in (1, 2, 5, 6, 8)] == [(1, 1), (1, 2), (3, 1), (3, 2), (4, 1)]
    assert [lines.line(*place) for place in ((1, 1), (1, 2), (3, 1), (3, 2), (4, 1))] == [1, 2, 5, 6, 8]
    assert lines.line(2, 1) is None


def test_the_format_of_2013_is_read() -> None:
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["a"], "language": "python"}]}, {"cells": []}], "nbformat": 3}
    assert [each.source for each in parse(json.dumps(old)).cells] == ["a"]
    assert json.loads(parse(json.dumps(old)).rewritten("b"))["worksheets"][0]["cells"][0]["input"] == ["b"]


@pytest.mark.parametrize(
    "metadata",
    [{"language_info": {"name": "R"}}, {"kernelspec": {"language": "julia"}}],
)
def test_other_languages_have_no_cells(metadata: dict[str, Any]) -> None:
    assert parse(document("library(parallel)", metadata=metadata)).cells == ()
    assert parse(document(cell("select 1", metadata={"vscode": {"languageId": "sql"}}), "a")).code == "a"
    assert parse(document("a", metadata={"language_info": {"name": "ipython"}, "kernelspec": 3})).code == "a"


@pytest.mark.parametrize(
    ("content", "message", "place"),
    [
        ('{"cells": [\n}', "is no notebook: Expecting value", (2, 1)),
        ("[]", "is no notebook: it has no list of cells", (0, 0)),
        ('{"cells": {}}', "is no notebook: it has no list of cells", (0, 0)),
        ('{"cells": ["a"]}', "is no notebook: a cell is no object", (0, 0)),
        ('{"cells": [{"cell_type": "code", "source": [1]}]}', "is no notebook: cell 1 has no source", (0, 0)),
        ('{"cells": [{"cell_type": "code"}]}', "is no notebook: cell 1 has no source", (0, 0)),
        ('{"worksheets": [{}]}', "is no notebook: no 'cells' where it should be", (0, 0)),
        ('{"worksheets": [3]}', "is no notebook: no 'cells' where it should be", (0, 0)),
        ('{"cells": ' + "[" * 100_000, "is no notebook: nested too deeply", (0, 0)),
    ],
)
def test_what_is_no_notebook_is_said(content: str, message: str, place: tuple[int, int]) -> None:
    with pytest.raises(NotANotebook) as caught:
        parse(content)
    assert (caught.value.message, (caught.value.line, caught.value.column)) == (message, place)


# --- writing


def changed(before: str, old: str, new: str) -> str:
    found = parse(before)
    assert old in found.code
    return found.rewritten(found.code.replace(old, new))


STYLES: dict[str, Callable[[str], str]] = {
    "jupyter": lambda text: text,
    "four blanks": lambda text: json.dumps(json.loads(text), indent=4, ensure_ascii=False),
    "one line": lambda text: json.dumps(json.loads(text), ensure_ascii=False),
    "compact": lambda text: json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False),
    "ascii": lambda text: json.dumps(json.loads(text), indent=1) + "\n",
    "sorted, with tabs": lambda text: json.dumps(json.loads(text), indent="\t", sort_keys=True, ensure_ascii=False) + "\n\n",
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("style", STYLES)
def test_only_the_line_changes(style: str) -> None:
    before = STYLES[style](document("x = 'é'\ny = pool(1)\nz = 'ü'", cell("ÿ", "markdown"), "pool(1)", more=[1e5, 0.10, "é"]))
    after = changed(before, "y = pool(1)", "y = list('ä')")
    word = "\"y = list('\\u00e4')" if style == "ascii" else "\"y = list('ä')"
    assert after == before.replace('"y = pool(1)', word)


def test_lines_come_and_go_in_the_style_of_the_list() -> None:
    before = document("a\nb\nc")
    assert changed(before, "b\n", "") == document("a\nc")
    assert changed(before, "b\n", "b\nd\n\n") == document("a\nb\nd\n\nc")
    assert changed(before, "c", "c\n") == document("a\nb\nc\n")
    assert changed(document("a"), "a", "a\nb") == document("a\nb")
    assert changed('{"cells":[{"cell_type":"code","source":["a"]}]}', "a", "a\nb").endswith('["a\\n", "b"]}]}')


def test_a_string_stays_a_string_and_one_item_one_item() -> None:
    assert changed(document(cell("", source="a\nb")), "b", "c") == document(cell("", source="a\nc"))
    assert changed(document(cell("", source=["a\nb\n"])), "b", "c") == document(cell("", source=["a\nc\n"]))


def test_the_spelling_of_other_lines_stays() -> None:
    before = document("a = 1\nb = '?'\nc = 1").replace("?", "\\/ \\u00e9 ü")
    assert changed(before, "a = 1", "a = 2") == before.replace("a = 1", "a = 2")


def test_magics_stay_where_they_are() -> None:
    before = document("%%time\n%cd a\nx = f(1)\n!ls\n%time f(1)\n")
    assert changed(before, "x = f(1)", "import y\nx = list(f(2))") == document(
        "%%time\n%cd a\nimport y\nx = list(f(2))\n!ls\n%time f(1)\n"
    )
    assert changed(before, " f(1)\n", " list(f(1))\n") == document("%%time\n%cd a\nx = list(f(1))\n!ls\n%time list(f(1))\n")


@pytest.mark.parametrize(
    ("cells", "edit", "why"),
    [
        (["x = 1", "y = 2"], ("x = 1\n\f\ny", "y"), "it reaches over the border of a cell"),
        (["x = 1", "y = 2"], ("x = 1", "x = 1\n\f\nz"), "it reaches over the border of a cell"),
        (["x = 1", "y = 2"], ("x = 1", "if x:"), "cell 1 would be no Python by itself"),
        (["x = 1\n%cd a\nz = 1"], ("0#d a", "2#d a"), "a magic stands in the way"),
        (["x = 1\n%cd a\nz = 1"], ("0#d a\n", ""), "a magic stands in the way"),
        (["%%time\nx = 1"], ("0#", "import y\n0#"), "a magic stands in the way"),
        (["%time x = 1"], ("0;", "if y:"), "a magic stands in the way"),
        (["x = 1"], ("x = 1", "x = 1\nx.y\n'''\n%x'''[0]\n"), None),
    ],
)
def test_a_change_that_cells_cannot_hold_is_refused(cells: list[str], edit: tuple[str, str], why: str | None) -> None:
    before = document(*cells)
    if why is None:
        assert parse(changed(before, *edit)).code == edit[1]
        return
    with pytest.raises(Unwritable) as caught:
        changed(before, *edit)
    assert str(caught.value) == why


LINES = ["a = 1\n", "b(é)\n", "%cd x\n", "if c:\n    d\n", "\n", "%time e()\n", "!ls\n"]


@given(st.lists(st.lists(st.sampled_from(LINES), min_size=1, max_size=5), min_size=1, max_size=3), st.data())
def test_what_is_written_is_what_was_asked_for(cells: list[list[str]], data: st.DataObject) -> None:
    found = parse(document(*("".join(lines) for lines in cells)))
    places = [place for place, letter in enumerate(found.code) if letter == "\n"]
    place = data.draw(st.sampled_from([0, *places])) if places else 0
    code = found.code[:place] + data.draw(st.sampled_from(["\nnew = 'ü'\n", "; x", " "])) + found.code[place:]
    try:
        after = parse(found.rewritten(code))
    except Unwritable:
        return
    assert after.code == code
    sources = {each.number: each.source for each in found.cells}
    for edit in found.edits(code):
        old = sources[edit.cell]
        sources[edit.cell] = old[: edit.start] + edit.replacement + old[edit.end :]
    assert sources == {each.number: each.source for each in after.cells}


def test_a_notebook_is_written_whole_and_kept_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + document("x = 'é'").encode())
    read = source.read(str(path))
    assert (read.text, read.encoding) == ("x = 'é'", "utf-8")
    source.write(read, "x = 'ü'")
    assert path.read_bytes() == b"\xef\xbb\xbf" + document("x = 'ü'").encode()
    with pytest.raises(source.ChangedOnDisk):
        source.write(read, "x = 1")
    assert source.changed(source.read(str(path)), "x = 2").text == "x = 2"


def test_a_notebook_without_code_is_what_it_was() -> None:
    data = document(cell("# Notes", "markdown")).encode()
    read = source.decode(data, "a.ipynb")
    assert (read.text, source.encode(read, "")) == ("", data)


def test_a_coding_line_in_a_document_means_nothing(tmp_path: Path) -> None:
    data = document("# coding: latin-1\nx = 'é'").replace(' "cells"', ' "a": "# coding: latin-1", "cells"', 1).encode()
    assert "é" in source.decode(data, "a.ipynb").text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (document("x").replace('"x"', '"\\ud800"').encode(), "is no notebook: a cell holds half a character"),
        (document("x").replace('"x"', '"\\u0000"').encode(), "contains a NUL character: this is not Python source"),
        (b'{"cells": [], "a": "\xff"}', "cannot be decoded as utf-8: invalid start byte"),
        (b"foo", "is no notebook: Expecting value"),
    ],
)
def test_a_notebook_that_cannot_be_read_is_a_problem(data: bytes, message: str) -> None:
    with pytest.raises(source.Unreadable) as caught:
        source.decode(data, "a.ipynb")
    assert caught.value.message == message


# --- the whole way

IMPORT = "from concurrent.futures import ProcessPoolExecutor\nfrom tasks import work"
UNREAD = "with ProcessPoolExecutor(2) as executor:\n    executor.map(work, range(4))"
READ = UNREAD.replace("executor.map(work, range(4))", "list(executor.map(work, range(4)))")
BAD = document(cell("# Notes", "markdown"), f"%matplotlib inline\n{IMPORT}", f"%%time\n\n{UNREAD}\n")
GOOD = BAD.replace('"    executor.map(work, range(4))\\n"', '"    list(executor.map(work, range(4)))\\n"')


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scanned(*paths: str, **chosen: Any) -> Report:
    return engine.audit(paths or (".",), config.override(config.load("."), **chosen))


def lines(report: Report) -> list[str]:
    return concise.render(report).splitlines()


def test_places_are_told_by_cell(place: Path) -> None:
    (place / "a.ipynb").write_text(BAD)
    report = scanned()
    assert lines(report) == [
        "a.ipynb:cell 3:4:5: PA502 unread-map [warning] errors of `work` vanish: the results of `map` are never read"
    ]
    printed = text.render(report)
    assert printed.startswith(
        "a.ipynb:cell 3:4:5: PA502 unread-map [warning]  errors of `work` vanish: the results of `map` are never read\n"
        "4 |     executor.map(work, range(4))\n"
    )
    assert "poolaudit advise a.ipynb:3:3 " in printed


def test_json_counts_within_the_cell(place: Path) -> None:
    (place / "a.ipynb").write_text(BAD)
    record = json.loads(contract.render(scanned()))["files"][0]
    (found,), (site,) = record["findings"], record["sites"]
    assert (found["cell"], found["line"], found["column"], found["end_line"]) == (3, 4, 5, 4)
    assert (site["cell"], site["line"], site["operations"]) == (3, 3, [{"method": "map", "line": 4, "column": 14, "cell": 3}])
    assert {(step["cell"], step["line"]) for step in site["decision"]["trace"]} == {(None, None), (3, 3), (3, 4)}
    sources = {3: f"%%time\n\n{UNREAD}\n"}
    for edit in found["fix"]["edits"]:
        old = sources[edit["cell"]]
        sources[edit["cell"]] = old[: edit["start"]] + edit["replacement"] + old[edit["end"] :]
    assert sources == {3: f"%%time\n\n{READ}\n"}


def test_a_frame_over_several_cells_names_them_and_shows_magics(place: Path) -> None:
    (place / "a.ipynb").write_text(
        document(
            "from multiprocessing import Pool",
            "def work(item):\n    return item",
            "with Pool() as pool:\n    %time pool.map(work, [1])",
        )
    )
    printed = text.render(scanned(select=["PA309"]), quiet=True)
    assert printed.splitlines()[1:7] == [
        "  cell 2",
        "1 | def work(item):",
        "  |     ---- defined in the notebook",
        "  cell 3",
        "2 |     %time pool.map(work, [1])",
        "  |                    ^^^^",
    ]


def test_comments_silence_and_assume(place: Path) -> None:
    ignored = UNREAD + "  # poolaudit: ignore[unread-map] logged\n# poolaudit: ignore[PA502] nothing below"
    (place / "a.ipynb").write_text(document(IMPORT, ignored, UNREAD, "x = 1  # poolaudit: ignore[PA501] idle"))
    assert [line.partition(" [")[0] for line in lines(scanned())] == [
        "a.ipynb:cell 2:3:1: PA002 unused-ignore",
        "a.ipynb:cell 3:2:5: PA502 unread-map",
        "a.ipynb:cell 4:1:8: PA002 unused-ignore",
    ]


def test_a_cell_that_is_no_python_is_a_problem_with_its_place(place: Path) -> None:
    (place / "a.ipynb").write_text(document(IMPORT, "x = 1\nprint 'x'"))
    report = scanned()
    (problem,) = report.files[0].problems
    assert (problem.code, problem.cell, problem.line) == (UNREADABLE, 2, 2)
    assert "this looks like Python 2" in problem.message
    assert lines(report)[0].startswith("a.ipynb:cell 2:2:1: PA001 [error] cannot be parsed: ")
    assert "1 file could not be read: a.ipynb:cell 2:2\n" in text.render(report)


def test_which_notebooks_are_looked_at(place: Path) -> None:
    names = ["a.ipynb", "pkg/b.ipynb", "ignored/c.ipynb", "d_draft.ipynb", ".ipynb_checkpoints/e.ipynb", "r.ipynb", "plain.ipynb"]
    for name in names:
        path = place / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(BAD)
    (place / "r.ipynb").write_text(document("library(multiprocess)", metadata={"kernelspec": {"language": "R"}}))
    (place / "plain.ipynb").write_text(document(cell("a multiprocessing story", "markdown"), "x = 1"))
    (place / ".git").mkdir()
    (place / ".gitignore").write_text("ignored/\n")
    found = discover.discover(["."], config.override(config.load("."), exclude=["*_draft.ipynb"]))
    assert [each.name for each in found.candidates] == ["a.ipynb", "pkg/b.ipynb"]
    assert found.scanned == ("a.ipynb", "pkg/b.ipynb", "plain.ipynb", "r.ipynb")
    (place / "pyproject.toml").write_text('[tool.poolaudit]\nper-file-ignores = {"pkg/*" = ["PA502"]}\n')
    assert [line.partition(":")[0] for line in lines(scanned())] == ["a.ipynb", "d_draft.ipynb"]


def test_a_pool_of_the_project_is_found_without_a_needle(place: Path) -> None:
    (place / "pools.py").write_text("from concurrent.futures import ProcessPoolExecutor\npool = ProcessPoolExecutor(2)\n")
    for name, call in {"a.ipynb": "%time pool.submit(print, 1)", "b.ipynb": "pool.reap()"}.items():
        (place / name).write_text(document("from pools import pool", call))
    found = discover.discover(["a.ipynb", "b.ipynb"], config.load("."))
    assert [each.name for each in found.candidates] == ["a.ipynb"]


def test_fixes_are_written_and_nothing_else(place: Path) -> None:
    (place / "a.ipynb").write_text(BAD)
    done = poolaudit(place, "scan", "--fix", "a.ipynb")
    assert (done.returncode, done.stderr) == (1, b"")
    assert (place / "a.ipynb").read_text() == GOOD
    assert b"Fixed 1 finding in 1 file: a.ipynb" in done.stdout
    assert poolaudit(place, "scan", "--fix", "a.ipynb").returncode == 0


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_diff_is_one_that_git_applies(place: Path) -> None:
    (place / "a.ipynb").write_text(BAD)
    done = poolaudit(place, "scan", "--diff", ".")
    assert (done.returncode, (place / "a.ipynb").read_text()) == (1, BAD)
    subprocess.run(["git", "apply"], input=done.stdout, cwd=place, check=True)
    assert (place / "a.ipynb").read_text() == GOOD


def test_standard_input_is_a_notebook_by_its_name(place: Path) -> None:
    done = poolaudit(place, "scan", "-", "--stdin-filename", "a.ipynb", "--output-format", "concise", data=BAD.encode())
    assert done.stdout.startswith(b"a.ipynb:cell 3:4:5: PA502 ")
    fixed = poolaudit(place, "scan", "--fix", "-", "--stdin-filename", "a.ipynb", data=BAD.encode())
    assert fixed.stdout == GOOD.encode()


def test_advice_is_asked_for_by_cell_and_line(place: Path) -> None:
    (place / "a.ipynb").write_text(BAD)
    for asked in ("a.ipynb", "a.ipynb:3:3", "a.ipynb:3:4"):
        done = poolaudit(place, "advise", asked)
        assert done.stdout.startswith(b"a.ipynb:3:3: ProcessPoolExecutor(2) at module level"), done.stderr
        assert b"cell 3, line 4: errors of `work` vanish" in done.stdout
    for asked in ("a.ipynb:3", "a.ipynb:2:3", "a.ipynb:9:1"):
        done = poolaudit(place, "advise", asked)
        assert done.returncode == 2
        assert f"no process pool at {asked} (there are pools in cell:line 3:3)".encode() in done.stderr


def test_a_cell_may_await_and_be_fixed(place: Path) -> None:
    (place / "a.ipynb").write_text(document(IMPORT, "await sleep(1)", UNREAD))
    rewrite = rewrite_files(["."], config.load("."))
    assert [patch.contents[1] for patch in rewrite.patches] == [document(IMPORT, "await sleep(1)", READ)]
    assert lines(rewrite.report) == []


def test_a_fix_over_several_cells_is_not_offered(place: Path) -> None:
    (place / "a.ipynb").write_text(
        document(
            "from multiprocessing import Pool\nfrom tasks import work",
            "print('go')\npool = Pool(2)",
            "print(pool.map(work, [1]))",
        )
    )
    report = scanned(select=["PA401"])
    assert "PA401" in concise.render(report)
    assert "= no fix: cell 2 would be no Python by itself" in text.render(report)
    assert rewrite_files(["."], config.override(config.load("."), select=["PA401"]), unsafe=True).patches == ()


# --- PA309: forms that its fixture has no room for

HEAD = "import multiprocessing as mp\nfrom concurrent.futures import ProcessPoolExecutor\nfrom functools import partial\n\f\n"
WORK = "def work(item=0, *rest):\n    return item\n\f\n"
JOB = "class Job:\n    def run(self):\n        return 1\n\f\n"
LINUX_OLD = Settings(targets=((3, 9), (3, 13)), declared=True, platforms=("linux",))
OLD = Settings(targets=((3, 9), (3, 13)), declared=True)


def lost(code: str, settings: Settings = Settings(), path: str = "a.ipynb") -> list[tuple[str, str | None]]:  # noqa: B008 - frozen
    facts = survey_file(path, HEAD + code)
    assert RULE.check is not None
    found = [each for site in facts.sites if site.is_process for each in RULE.check(site, facts, settings)]
    return [(facts.cut(each.where), each.severity) for each in found]


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        (WORK + "with ProcessPoolExecutor() as e:\n    print(list(e.map(work, [1])))", "work"),
        (WORK + "if __name__ == '__main__':\n    with mp.Pool() as p:\n        print(p.map(work, [1]))", "work"),
        (WORK + "with mp.Pool() as p:\n    p.map(work, [1])\n    p.map(work, [2])", "work"),
        (WORK + "with mp.Pool() as p:\n    print(p.starmap(partial(work, 1), [(1,)]))", "partial(work, 1)"),
        (WORK + "with mp.Pool(2, work) as p:\n    print(p.map(abs, [1]))", "work"),
        (WORK + "def main():\n    with mp.Pool() as p:\n        return p.map(work, [1])\n\f\nmain()", "work"),
        (WORK + WORK + "def main():\n    with mp.Pool() as p:\n        return p.map(work, [1])", "work"),
        (JOB + "with mp.Pool() as p:\n    print(p.apply(Job().run))", "Job().run"),
        (JOB + "with mp.Pool() as p:\n    print(p.map(Job, []))", "Job"),
        (JOB + "with ProcessPoolExecutor() as e:\n    print(e.submit(print, Job()).result())", "Job()"),
        (JOB + "with ProcessPoolExecutor(None, None, print, (Job(),)) as e:\n    print(e.submit(abs, 1).result())", "Job()"),
        ("import dataclasses\n@dataclasses.dataclass(frozen=True)\n" + JOB + "with mp.Pool() as p:\n    p.map(Job, [])", "Job"),
    ],
)
def test_definitions_that_a_notebook_sends(code: str, sent: str) -> None:
    assert lost(code) == [(sent, "error")]
    assert lost(code, OLD) == [(sent, "warning")]
    assert lost(code, LINUX_OLD) == []
    assert lost(code, path="a.py") == []


@pytest.mark.parametrize(
    "code",
    [
        WORK + "with mp.get_context('fork').Pool() as p:\n    p.map(work, [1])",
        WORK + "mp.set_start_method('fork')\n\f\nwith mp.Pool() as p:\n    p.map(work, [1])",
        WORK + "from tasks import work\n\f\nwith mp.Pool() as p:\n    p.map(work, [1])",
        "from tasks import work\n\f\nwith mp.Pool() as p:\n    p.map(work, [1])",
        "import joblib\n@joblib.wrap_non_picklable_objects\n" + JOB + "with mp.Pool() as p:\n    p.map(Job, [])",
        "with mp.Pool() as p:\n    p.map(work, [1])",
        "with mp.Pool() as p:\n    p.map(lambda x: x, [1])",
        "def main():\n    def inner(): pass\n    with mp.Pool() as p:\n        p.map(inner, [1])",
        "import joblib\n@joblib.wrap_non_picklable_objects\n" + WORK + "with mp.Pool() as p:\n    p.map(work, [1])",
        WORK + "work.__module__ = 'tasks'\nwith mp.Pool() as p:\n    p.map(work, [1])",
        WORK + "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as p:\n    p.map(work, [1])",
        WORK + "import multiprocess\nwith multiprocess.Pool() as p:\n    p.map(work, [1])",
        "class Job:\n    def __reduce__(self):\n        return int, ()\n\f\nwith mp.Pool() as p:\n    p.apply(print, (Job(),))",
        WORK + "with mp.Pool() as p:\n    pass",
        WORK + "from tasks import work\n\f\ndef main():\n    with mp.Pool() as p:\n        p.map(work, [1])",
        WORK + "@by_value\n" + WORK + "def main():\n    with mp.Pool() as p:\n        p.map(work, [1])",
        WORK + WORK + "def main():\n    work = choose()\n    with mp.Pool() as p:\n        p.map(work, [1])",
    ],
)
def test_what_workers_find_is_no_finding(code: str) -> None:
    assert lost(code) == []


def test_a_start_method_that_is_given_decides() -> None:
    code = WORK + "with mp.get_context('spawn').Pool() as p:\n    print(p.map(work, [1]))"
    assert lost(code, LINUX_OLD) == [("work", "error")]


def test_one_line_one_finding(place: Path) -> None:
    guarded = "if __name__ == '__main__':\n    def work(item): pass\n    with mp.Pool() as p:\n        print(p.map(work, [1]))"
    (place / "a.ipynb").write_text(document("import multiprocessing as mp", guarded))
    assert [line.split(" ")[2] for line in lines(scanned(ignore=["PA1"]))] == ["PA309"]
