"""The baseline: what a finding is known again by, what is hidden, recorded and stale; and PA003, the other rule about the run.

Knows small projects and what the whole run says of them.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from poolaudit import baseline, config, engine
from poolaudit.config import ConfigError
from poolaudit.report import Report, concise, text
from poolaudit.report import json as contract
from poolaudit.rewrite import rewrite as rewrite_files
from test_end_to_end import poolaudit

HEAD = "from concurrent.futures import ProcessPoolExecutor\n\n\ndef work(item):\n    return 1 / item\n\n\n"
LOST = "executor.map(work, range(4))"


def program(*statements: str, name: str = "main") -> str:
    """A function whose executor runs the statements."""
    body = textwrap.indent("\n".join(statements), " " * 8)
    return f"{HEAD}def {name}():\n    with ProcessPoolExecutor(2) as executor:\n{body}\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, content: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")


def record(*paths: str, file: str = "base.json", **chosen: Any) -> dict[str, Any]:
    """Writes the baseline and gives what it holds, by file."""
    made, report = engine.record(paths or (".",), settings(**chosen), Path(file).absolute())
    write(file, made)
    assert not concise.render(report)
    found: dict[str, Any] = json.loads(made)["findings"]
    return found


def settings(**chosen: Any) -> config.Config:
    return config.override(config.load("."), **chosen)


def scan(*paths: str, file: str = "base.json", **chosen: Any) -> Report:
    return engine.audit(paths or (".",), settings(baseline=file, **chosen))


def said(report: Report) -> list[str]:
    """Place and code of what is reported."""
    return [line.partition(" [")[0].rpartition(" ")[0] for line in concise.render(report).splitlines()]


def hidden(report: Report) -> list[str]:
    return [each.code for file in report.files for each in file.findings if each.baselined]


# --- what a finding is known by


SAME = {
    "lines above and blanks": f"# new\n\n\n{program('x = 1', LOST)}",
    "a comment": program(f"{LOST}  # why"),
    "the way it is laid out": program("executor.map(\n    work,  # one\n    range(\n        4\n    ),\n)"),
    "a continued line": program("executor.map(work, \\\n  range(4))"),
    "another statement changes": program("print('go')", LOST).replace("1 / item", "2 / item"),
    "windows": program(LOST).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("change", SAME)
def test_what_may_change(place: Path, change: str) -> None:
    write("a.py", program(LOST))
    record()
    Path("a.py").write_bytes(SAME[change].encode())
    report = scan()
    assert (said(report), hidden(report)) == ([], ["PA502"])


OTHER = {
    "the statement": (program(LOST.replace("4", "5")), "a.py:10:9: PA502"),
    "the function": (program(LOST, name="other"), "a.py:10:9: PA502"),
}


@pytest.mark.parametrize("change", OTHER)
def test_what_makes_it_another_finding(place: Path, change: str) -> None:
    write("a.py", program(LOST))
    record()
    changed, found = OTHER[change]
    write("a.py", changed)
    assert said(scan()) == [found, "base.json:5:16: PA004"]
    write("b/c.py", changed)
    assert said(scan("b"))[0].startswith("b/c.py")


def test_equal_findings_are_counted(place: Path) -> None:
    write("a.py", program(LOST, LOST))
    (entry,) = record()["a.py"]
    assert (entry["count"], entry["function"], entry["statement"]) == (2, "main", LOST)
    write("a.py", program(LOST, LOST, LOST))
    assert said(scan()) == ["a.py:12:9: PA502"]
    write("a.py", program(LOST))
    report = scan()
    assert said(report) == ["base.json:5:16: PA004"]
    assert "PA502 in `main` of a.py no longer occurs (1 of 2)" in text.render(report)


@pytest.mark.parametrize(
    ("code", "function", "statement"),
    [
        ("class A:\n    def f(self, pool):\n        async def g():\n            pool.map(1)\n", "A.f.g", "pool.map(1)"),
        ("with pool.map(1) as x, \\\n    y:\n    z\n", "", "with pool.map(1) as x, \\ y:"),
        ("@pool.map(1)\ndef f():\n    pass\n", "f", "@pool.map(1) def f():"),
        ("try:\n    x\nexcept pool.map(1):\n    y\n", "", "except pool.map(1):"),
        ("match x:\n    case 1:\n        pool.map(1); y\n", "", "pool.map(1);"),
        ("if x:\n    y\n# pool.map(1)\nelse:\n    z\n", "", "# pool.map(1)"),
        ("def f():\n    x = 1  # pool.map(1) y\n    z\n", "f", "x = 1 # pool.map(1) y"),
        ("x = [pool.map(1) for y in z]\n", "", "x = [pool.map(1) for y in z]"),
        ("def f():\n    print 'pool'\n    pool.map(1)\n", "", "pool.map(1)"),
    ],
)
def test_statement_and_function_of_a_place(code: str, function: str, statement: str) -> None:
    places = baseline._Places(code)
    found = places._around(code.index("pool.map"))
    assert (found[0], " ".join(found[1].split())) == (function, statement.rstrip(";"))


# --- the file


def test_the_file_is_deterministic_and_one_entry_is_one_line(place: Path) -> None:
    write("src/é b.py", program(LOST, "executor.submit(work, 'é')"))
    write("src/a.py", program(LOST.replace("4", "'" + "x" * 200 + "'")))
    record("src", file="tools/base.json")
    made = Path("tools/base.json").read_text("utf-8")
    lines = made.splitlines()
    assert lines[:4] == ["{", '  "schema_version": 1,', '  "findings": {', '    "../src/a.py": [']
    assert lines[5:7] == ["    ],", '    "../src/é b.py": [']
    assert [line.split(", ")[0].strip() for line in lines[7:9]] == ['{"code": "PA501"', '{"code": "PA502"']
    assert max(map(len, lines)) < 250
    record("src/é b.py", "src/a.py", file="tools/base.json")
    assert Path("tools/base.json").read_text("utf-8") == made
    assert hidden(scan(file="tools/base.json")) == ["PA502", "PA502", "PA501"]


def test_nothing_to_record(place: Path) -> None:
    write("a.py", program(f"print(list({LOST}))"))
    assert record() == {}
    assert Path("base.json").read_text() == '{\n  "schema_version": 1,\n  "findings": {}\n}\n'
    assert said(scan()) == []


def test_a_reformatted_file_is_read(place: Path) -> None:
    write("a.py", program(LOST))
    record()
    write("base.json", json.dumps(json.loads(Path("base.json").read_text()), indent=4, sort_keys=True))
    assert said(scan()) == []
    write("a.py", "from concurrent.futures import ProcessPoolExecutor\n")
    report = scan()
    assert said(report) == ["base.json:5:25: PA004"]
    assert '5 |                 "code": "PA502",\n' in text.render(report)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such baseline: `poolaudit scan --write-baseline "),
        ("{\n<<<<<<< ours\n", ":2: is no baseline: Expecting property name"),
        ("[]", ': is no baseline of this version: "schema_version" must be 1'),
        ('{"schema_version": 2}', ': is no baseline of this version: "schema_version" must be 1'),
        ('{"schema_version": 1}', ": is no baseline: KeyError 'findings'"),
        ('{"schema_version": 1, "findings": []}', ": is no baseline: AttributeError"),
        ('{"schema_version": 1, "findings": {"a.py": [{"code": "PA502"}]}}', ": is no baseline: KeyError 'count'"),
        ('{"schema_version": 1, "findings": {"a.py": [{"count": "2"}]}}', ": is no baseline: TypeError count must be a number"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(place: Path, content: str | None, message: str) -> None:
    if content is not None:
        write("base.json", content)
    write("a.py", program(LOST))
    with pytest.raises(ConfigError) as caught:
        scan()
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(place / "base.json"))


def test_a_name_that_is_not_utf8(place: Path) -> None:
    Path("not-\udcff.py").write_text(program(LOST))
    assert list(record()) == ["not-\udcff.py"]
    assert hidden(scan()) == ["PA502"]


# --- what is recorded, what is stale


def test_what_a_run_does_not_judge_stays_recorded(place: Path) -> None:
    write("a.py", program(LOST, "executor.submit(work, 1)"))
    write("b.py", program(LOST))
    whole = record()
    write("a.py", program("executor.submit(work, 1)"))
    write("b.py", "")
    assert record("a.py", select=["PA502"]) == {"a.py": whole["a.py"][:1], "b.py": whole["b.py"]}
    assert record("a.py") == {"a.py": whole["a.py"][:1], "b.py": whole["b.py"]}
    assert record() == {"a.py": whole["a.py"][:1]}


def test_only_a_full_scan_finds_stale_entries(place: Path) -> None:
    for name in ("pkg/a.py", "pkg/gone.py", "pkg/excluded.py", "pkg/broken.py", "outside/b.py"):
        write(name, program(LOST))
    record(file="base.json")
    write("pkg/pyproject.toml", '[tool.poolaudit]\nbaseline = "../base.json"\nextend-exclude = ["excluded.py"]\n')
    write("pkg/a.py", program(f"list({LOST})"))
    write("pkg/broken.py", program("executor.map(") + "\n")
    write("outside/b.py", "")
    Path("pkg/gone.py").unlink()
    found = engine.audit(["pkg"], config.load("pkg"))
    assert [line for line in concise.render(found).splitlines() if "PA004" in line] == [
        f"base.json:{line}:16: PA004 stale-baseline [warning] PA502 in `main` of pkg/{name}.py no longer occurs"
        for line, name in ((8, "a"), (14, "excluded"), (17, "gone"))
    ]
    assert "PA004" not in concise.render(engine.audit(["pkg/a.py"], config.load("pkg")))
    ignored = config.override(config.load("pkg"), ignore=["PA004"])
    assert "PA004" not in concise.render(engine.audit(["pkg"], ignored))


def test_what_is_not_asked_is_not_stale(place: Path) -> None:
    write("a.py", program(LOST))
    record(confidence="likely", extend_select=["PA003"])
    entries = json.loads(Path("base.json").read_text())
    like = entries["findings"]["a.py"][0]
    entries["findings"]["a.py"] += [
        {**like, "code": "PA003"},  # opt-in
        {**like, "code": "PA501", "confidence": "likely"},
        {**like, "code": "PA999"},  # a rule that is gone
        {**like, "code": "PA002"},
    ]
    write("base.json", json.dumps(entries, indent=1))
    codes = [each.finding.message[:5] for file in scan().files for each in file.findings if each.code == "PA004"]
    assert codes == ["PA999", "PA002"]
    everything = scan(confidence="likely", extend_select=["PA003"])
    assert len([each for file in everything.files for each in file.findings if each.code == "PA004"]) == 4


def test_a_comment_is_asked_before_the_baseline(place: Path) -> None:
    write("a.py", program(LOST))
    record()
    write("a.py", program(f"{LOST}  # poolaudit: ignore[PA502] seen"))
    report = scan()
    assert (said(report), hidden(report)) == (["base.json:5:16: PA004"], [])


def test_findings_about_comments_are_recorded_too(place: Path) -> None:
    write("a.py", program(f"list({LOST})  # poolaudit: ignore[PA502] idle", "# poolaudit: ignore[PA501] idle"))
    assert [entry["code"] for entry in record()["a.py"]] == ["PA002", "PA002"]
    write("a.py", "\n" + Path("a.py").read_text())
    assert said(scan()) == []


# --- fixes, streams, formats


def test_what_is_recorded_is_not_fixed_unless_asked(place: Path) -> None:
    write("a.py", program(LOST))
    record()
    write("b.py", program(LOST))
    assert [each.path for each in rewrite_files(["."], settings(baseline="base.json")).patches] == ["b.py"]
    everything = rewrite_files(["."], settings(baseline="base.json", no_baseline=True))
    assert [each.path for each in everything.patches] == ["a.py", "b.py"]
    # of equal ones as many are left alone as are recorded
    write("a.py", program(LOST, LOST))
    after = rewrite_files(["a.py"], settings(baseline="base.json")).patches[0].after
    assert after == program(LOST, f"list({LOST})")


def test_the_configuration_names_it(place: Path) -> None:
    write("a.py", program(LOST))
    record(file="tools/base.json")
    write("pyproject.toml", '[tool.poolaudit]\nbaseline = "tools/base.json"\n')
    assert poolaudit(place, "scan").returncode == 0
    assert poolaudit(place, "scan", "a.py").stdout.splitlines()[1] == b"1 finding hidden by the baseline"
    assert b"hidden by tools/base.json: 1 PA502\n" in poolaudit(place, "scan", "-v").stdout
    for option in ("--no-baseline", "--isolated"):
        assert b"a.py:10:9: PA502 " in poolaudit(place, "scan", option).stdout
    assert b"PA502 unread-map" in poolaudit(place, "advise", "a.py").stdout
    data = Path("a.py").read_bytes()
    assert poolaudit(place, "scan", "-", "--stdin-filename", "a.py", data=data).returncode == 0
    assert poolaudit(place, "scan", "-", "--stdin-filename", "b.py", data=data).returncode == 1
    assert poolaudit(place, "scan", "--diff").stdout == b""
    write("pyproject.toml", "[tool.poolaudit]\nbaseline = 1\n")
    assert b"pyproject.toml:2: `baseline` must be a path" in poolaudit(place, "scan").stderr


def test_recording_on_the_command_line(place: Path) -> None:
    write("a.py", program(LOST))
    write("pyproject.toml", '[tool.poolaudit]\nbaseline = "base.json"\n')
    assert b"there is no such baseline" in poolaudit(place, "scan").stderr
    done = poolaudit(place, "scan", "--write-baseline", "base.json")
    assert (done.returncode, done.stderr) == (0, b"Recorded 1 finding in base.json: poolaudit scan --baseline base.json\n")
    assert done.stdout.endswith(b"1 finding hidden by the baseline\n")
    assert poolaudit(place, "scan").returncode == 0
    made = Path("base.json").read_bytes()
    assert poolaudit(place, "scan", "--write-baseline", "base.json").returncode == 0
    assert Path("base.json").read_bytes() == made
    write("b.py", "import multiprocessing\npool = multiprocessing.Pool(\n")
    assert poolaudit(place, "scan", "--write-baseline", "base.json").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--baseline", "b.json", "--no-baseline"),
        ("--write-baseline", "b.json", "--baseline", "c.json"),
        ("--write-baseline", "b.json", "--fix"),
        ("--write-baseline", "b.json", "--diff"),
        ("--write-baseline", "b.json", "--show-files"),
        ("--write-baseline", "b.json", "-"),
    ],
)
def test_options_that_contradict_each_other(place: Path, arguments: tuple[str, ...]) -> None:
    done = poolaudit(place, "scan", *arguments)
    assert done.returncode == 2
    assert b"Usage: poolaudit scan" in done.stderr
    assert not Path("b.json").exists()


def test_json_says_how_many(place: Path) -> None:
    write("a.py", program(LOST, LOST))
    record()
    write("a.py", program(LOST, LOST, LOST, f"{LOST}  # poolaudit: ignore[PA502] seen"))
    data = json.loads(contract.render(scan()))
    assert (data["summary"]["findings"], data["summary"]["baselined"]) == (1, 2)
    assert [(each["suppressed"], each["baselined"]) for each in data["files"][0]["findings"]] == [
        (True, True),
        (True, True),
        (False, False),
        (True, False),
    ]


# --- PA003


def test_a_reason_is_any_words(place: Path) -> None:
    comments = [
        "ignore[PA502]",
        "ignore[PA502] # ok",
        "ignore-file[PA501, unread-map]",
        "ignore[PA502] ok",
        "ignore",
        "assume[cancel]",
    ]
    write("a.py", program(*(f"list({LOST})  # poolaudit: {comment}" for comment in comments), f"list({LOST})  # noqa: PA502"))
    report = engine.audit(["a.py"], settings(extend_select=["PA003"]))
    assert [each.finding.message for each in report.files[0].findings if each.code == "PA003"] == [
        "`ignore[PA502]` gives no reason: write one behind it",
        "`ignore[PA502]` gives no reason: write one behind it",
        "`ignore-file[PA501, unread-map]` gives no reason: write one behind it",
    ]
    assert "PA003" not in concise.render(engine.audit(["a.py"], settings()))


def test_it_can_be_ignored_like_any_rule(place: Path) -> None:
    write("a.py", program(f"{LOST}  # poolaudit: ignore[PA502,PA003]") + "# poolaudit: ignore-file[PA003] an old file\n")
    assert said(engine.audit(["."], settings(extend_select=["PA003"]))) == []
