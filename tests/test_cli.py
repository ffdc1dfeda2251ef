"""The command line: statuses, streams, options, colours, and what happens when it goes wrong.

Knows the contract of arguments and exit statuses. Runs on reports made by hand; what is found is tested elsewhere.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from poolaudit import __version__, cli, config, engine, rewrite, source
from poolaudit.catalog import rules
from poolaudit.report import Problem, Report
from poolaudit.run import ALONE, Means
from sample import CLEAN, EMPTY, INHERITED, LOAD, RUN, TEXT

FOUND = RUN._replace(files=(LOAD,))
WARNING = RUN._replace(files=(LOAD._replace(findings=(INHERITED,)),))


@dataclass
class Result:
    """How a command ended, what it printed, and what it asked of the engine."""

    exit_code: object
    stdout_bytes: bytes
    stderr: str
    asked: dict[str, Any]

    @property
    def stdout(self) -> str:
        return self.stdout_bytes.decode()


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder, on reports made by hand."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "CI", "PRE_COMMIT"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str, report: Report = EMPTY, changes: bool = False, data: bytes = b"") -> Result:
        asked: dict[str, Any] = {}

        def audit(paths: Any, settings: config.Config, *, progress: Any = None, means: Means = ALONE) -> Report:
            asked.update(paths=tuple(paths), config=settings, means=means)
            return report

        def rewritten(
            paths: Any,
            settings: config.Config,
            *,
            unsafe: bool = False,
            write: bool = False,
            progress: Any = None,
            means: Means = ALONE,
        ) -> Any:
            asked.update(paths=tuple(paths), config=settings, unsafe=unsafe, write=write)
            before = source.from_text("x = 1\r\n", "a.py")
            patches = (rewrite.FilePatch(before, "x = 2\r\n", LOAD.findings[:1]),) if changes else ()
            return rewrite.Rewrite(report, patches)

        monkeypatch.setattr(engine, "audit", audit)
        monkeypatch.setattr(rewrite, "rewrite", rewritten)
        monkeypatch.setattr(engine, "audit_stdin", lambda data, name, settings: audit([name, data], settings))
        monkeypatch.setattr(
            rewrite, "rewrite_stdin", lambda data, name, settings, unsafe=False: rewritten([name, data], settings, unsafe=unsafe)
        )
        streams = {"stdin": io.BytesIO(data), "stdout": io.BytesIO(), "stderr": io.BytesIO()}
        with monkeypatch.context() as patch:
            for name, stream in streams.items():
                patch.setattr(sys, name, io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True))
            with pytest.raises(SystemExit) as ended:
                cli.main(arguments)
            return Result(ended.value.code, streams["stdout"].getvalue(), streams["stderr"].getvalue().decode(), asked)

    return invoke


# --- scan: status


@pytest.mark.parametrize(
    ("arguments", "report", "status"),
    [
        ([], EMPTY, 0),
        ([], CLEAN, 0),
        ([], FOUND, 1),
        ([], WARNING, 1),
        (["--fail-on", "error"], WARNING, 0),
        (["--exit-zero"], FOUND, 0),
        ([], RUN, 2),
        (["--exit-zero"], RUN, 2),
        (["-q"], FOUND, 1),
        (["--statistics"], FOUND, 1),
    ],
)
def test_status_of_scan(run: Run, arguments: list[str], report: Report, status: int) -> None:
    assert run("scan", *arguments, report=report).exit_code == status


@pytest.mark.parametrize(
    ("arguments", "changes", "report", "status"),
    [
        (["--fix"], False, CLEAN, 0),
        (["--fix"], True, CLEAN, 1),
        (["--fix"], True, RUN, 2),
        (["--fix", "--exit-zero"], True, FOUND, 0),
        (["--diff"], True, FOUND, 1),
        (["--diff"], False, FOUND, 0),
        (["--diff", "--exit-zero"], True, FOUND, 0),
        (["--diff"], True, RUN, 2),
    ],
)
def test_status_of_fix_and_diff(run: Run, arguments: list[str], changes: bool, report: Report, status: int) -> None:
    assert run("scan", *arguments, report=report, changes=changes).exit_code == status


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "--nonsense"],
        ["scan", "--output-format", "sarif"],
        ["scan", "--output", "json"],
        ["scan", "--output", "xml=a.xml"],
        ["scan", "--jobs", "0"],
        ["scan", "--fail-on", "never"],
        ["scan", "-", "a.py"],
        ["scan", "--stdin-filename", "a.py"],
        ["scan", "--statistics", "--output-format", "json"],
        ["scan", "--target-version", "2.7"],
        ["scan", "--config", "missing.toml"],
        ["advise"],
        ["explain", "PA000"],
        ["explain", "unread-mapp"],
        ["nonsense"],
    ],
)
def test_bad_usage_is_status_2(arguments: list[str], tmp_path: Path) -> None:
    done = poolaudit(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


# --- scan: what is asked of the engine


def test_the_working_folder_is_scanned_without_paths(run: Run) -> None:
    assert run("scan").asked["paths"] == (".",)


def test_options_reach_the_configuration(run: Run) -> None:
    result = run(
        "scan", "a", "b", "--select", "PA5,PA404", "--select", "PA1", "--ignore", "PA501", "--extend-select", "PA410",
        "--exclude", "x,y", "--force-exclude",
        "--confidence", "likely", "--fail-on", "info", "--target-version", "3.10", "--target-version", "py314",
        "--no-cache", "--jobs", "2",
    )  # fmt: skip
    chosen: config.Config = result.asked["config"]
    assert result.asked["paths"] == ("a", "b")
    assert (chosen.select, chosen.ignore, chosen.extend_select) == (("PA5", "PA404", "PA1"), ("PA501",), ("PA410",))
    assert (chosen.extend_exclude, chosen.force_exclude) == (("x", "y"), True)
    assert (chosen.confidence, chosen.fail_on) == ("likely", "info")
    assert chosen.settings.targets == ((3, 10), (3, 14))


def test_how_the_work_is_done(run: Run, tmp_path: Path) -> None:
    assert run("scan", "--no-cache").asked["means"] == Means(jobs=None)
    chosen = run("scan", "--no-cache", "-j", "2", "--executor", "loky").asked["means"]
    assert chosen == Means(jobs=2, executor="loky")
    private = run("scan").asked["means"].private
    assert private is not None
    assert private.is_absolute()
    (tmp_path / "poolaudit.toml").write_text("jobs = 3\n")
    assert run("scan").asked["means"].jobs == 3
    assert run("scan", "-j", "1").asked["means"].jobs == 1


def test_configuration_is_read_unless_isolated(run: Run, tmp_path: Path) -> None:
    (tmp_path / "poolaudit.toml").write_text('select = ["PA4"]\n', "utf-8")
    (tmp_path / "other.toml").write_text('select = ["PA6"]\n', "utf-8")
    assert run("scan").asked["config"].select == ("PA4",)
    assert run("scan", "--isolated").asked["config"].select == ()
    assert run("scan", "--config", "other.toml").asked["config"].select == ("PA6",)


def test_bad_configuration_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "poolaudit.toml").write_text('selct = ["PA4"]\n', "utf-8")
    done = poolaudit("scan", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "poolaudit.toml:1: `selct` is unknown (did you mean `select`?)" in done.stderr


@pytest.mark.parametrize(("arguments", "unsafe", "write"), [
    (["--fix"], False, True), (["--fix", "--unsafe-fixes"], True, True), (["--diff"], False, False),
    (["--fix", "--diff", "--unsafe-fixes"], True, False),
])  # fmt: skip
def test_only_fix_writes(run: Run, arguments: list[str], unsafe: bool, write: bool) -> None:
    did = run("scan", *arguments).asked
    assert (did["unsafe"], did["write"]) == (unsafe, write)


# --- scan: what is printed


def test_results_go_to_stdout(run: Run) -> None:
    result = run("scan", report=FOUND)
    assert "PA201 lambda-task [error]" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("form", "sign"),
    [("text", "next: "), ("concise", "src/load.py:18:18: PA201 lambda-task [error] "), ("json", '"schema_version": 1')],
)
def test_formats(run: Run, form: str, sign: str) -> None:
    assert sign in run("scan", "--output-format", form, report=FOUND).stdout


def test_reports_are_written_to_files_too(run: Run, tmp_path: Path) -> None:
    result = run("scan", "--output", "json=out.json", "--output", "concise=out.txt", report=FOUND)
    assert "next: " in result.stdout
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["summary"]["findings"] == 2
    assert (tmp_path / "out.txt").read_text("utf-8").count("\n") == 2


def test_a_report_that_cannot_be_written_is_status_2(run: Run) -> None:
    result = run("scan", "--output", "json=missing/out.json", report=FOUND)
    assert result.exit_code == 2
    assert "missing/out.json" in result.stderr
    assert "Traceback" not in result.stderr


def test_quiet_has_no_summary_and_verbose_has_the_hook(run: Run) -> None:
    assert "findings" not in run("scan", "-q", report=FOUND).stdout
    assert run("scan", "-q", report=CLEAN).stdout == ""
    assert "types_or" in run("scan", "-v", report=FOUND).stdout


def test_diff_is_a_patch_and_the_rest_is_stderr(run: Run) -> None:
    result = run("scan", "--diff", changes=True)
    assert result.stdout_bytes == b"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\r\n+x = 2\r\n"
    assert result.stderr == "Would fix 1 finding in 1 file: poolaudit scan --fix .\n"
    assert run("scan", "--diff", "-q", changes=True).stderr == ""


def test_diff_tells_of_unsafe_fixes_that_are_held_back(run: Run) -> None:
    assert run("scan", "--diff", report=WARNING).stderr == "Nothing to change (1 more with --unsafe-fixes)\n"


def test_problems_of_a_diff_are_told(run: Run) -> None:
    assert "legacy/old.py:2:7: PA001" in run("scan", "--diff", report=RUN).stderr


def test_show_files(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n", "utf-8")
    (tmp_path / "b.txt").write_text("x = 1\n", "utf-8")
    done = poolaudit("scan", "--show-files", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "a.py\n")


# --- standard input


def test_standard_input_is_audited_under_its_name(run: Run) -> None:
    result = run("scan", "-", "--stdin-filename", "src/x.py", data=b"x = 1\n", report=FOUND)
    assert result.asked["paths"] == ("src/x.py", b"x = 1\n")
    assert result.exit_code == 1


def test_fixing_standard_input_prints_the_new_text(run: Run) -> None:
    result = run("scan", "--fix", "-", data=b"x = 1\r\n", changes=True, report=CLEAN)
    assert result.stdout_bytes == b"x = 2\r\n"
    assert "All clean" in result.stderr
    unchanged = run("scan", "--fix", "-", data=b"caf\xe9\r\n", report=CLEAN)
    assert unchanged.stdout_bytes == b"caf\xe9\r\n"


# --- advise


def test_advise_tells_of_every_pool_of_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "load.py").write_text(TEXT, "utf-8")
    result = run("advise", "src/load.py", report=FOUND)
    assert result.exit_code == 0
    assert "src/load.py:12: mp.Pool(8) in load_all()" in result.stdout
    assert "src/load.py:17: ProcessPoolExecutor() in quick()" in result.stdout


def test_advise_of_one_line(run: Run) -> None:
    result = run("advise", "src/load.py:12", "./src/load.py:13", report=FOUND)
    assert result.asked["paths"] == ("src/load.py", "./src/load.py")
    assert result.stdout.count("-> ") == 1


def test_advise_of_a_line_without_pools_is_bad_usage(run: Run) -> None:
    result = run("advise", "src/load.py:1", report=FOUND)
    assert result.exit_code == 2
    assert "no process pool at src/load.py:1 (there are pools on line 12, 17)" in result.stderr


def test_advise_without_pools_says_so(run: Run) -> None:
    result = run("advise", "src", report=EMPTY)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No process pools in src\n")


def test_advise_tells_problems(run: Run) -> None:
    broken = EMPTY._replace(problems=(Problem("PA001", "does not exist", "gone.py"),))
    result = run("advise", "gone.py", report=broken)
    assert result.exit_code == 2
    assert "gone.py: PA001 [error] does not exist" in result.stderr


@pytest.mark.parametrize(("form", "sign"), [("json", '"not_taken"'), ("markdown", "| question | answer |")])
def test_advise_formats(run: Run, form: str, sign: str) -> None:
    assert sign in run("advise", "src", "--output-format", form, report=FOUND).stdout


def test_a_file_whose_name_ends_in_a_number(run: Run, tmp_path: Path) -> None:
    (tmp_path / "odd:3").write_text("", "utf-8")
    assert run("advise", "odd:3").asked["paths"] == ("odd:3",)


# --- explain


def test_explain_by_code_name_and_prefix(run: Run) -> None:
    by_code, by_name = run("explain", "pa501").stdout, run("explain", "discarded-result").stdout
    assert by_code == by_name
    assert by_code.startswith("PA501 discarded-result: ")
    assert run("explain", "PA00").stdout.count("To silence it") == sum(rule.code.startswith("PA00") for rule in rules())


def test_explain_everything(run: Run) -> None:
    assert len(re.findall(r"^PA\d{3} [a-z0-9-]+: ", run("explain", "--all").stdout, re.MULTILINE)) == len(rules())
    assert [rule["code"] for rule in json.loads(run("explain", "--all", "--output-format", "json").stdout)] == [
        rule.code for rule in rules()
    ]


def test_explain_lists_and_draws(run: Run) -> None:
    assert "PA501  discarded-result" in run("explain").stdout
    assert "KEEP-POOL" in run("explain", "--tree").stdout


# --- colours


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "environ", "terminal", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, False, False),
        ("auto", {"CLICOLOR_FORCE": "1", "TERM": "dumb"}, False, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_rule(choice: str, environ: dict[str, str], terminal: bool, expected: bool) -> None:
    stream = Terminal() if terminal else io.StringIO()
    assert cli.use_color(choice, stream, environ) is expected


def test_colour_reaches_the_output(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\033[" not in run("scan", report=FOUND).stdout
    assert "\033[" in run("scan", "--color", "always", report=FOUND).stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\033[" in run("scan", report=FOUND).stdout
    assert "\033[" not in run("scan", "--output-format", "json", report=FOUND).stdout


# --- progress


@pytest.mark.parametrize(
    ("environ", "terminal", "quiet", "shown"),
    [
        ({}, True, False, True),
        ({}, False, False, False),
        ({}, True, True, False),
        ({"CI": "true"}, True, False, False),
        ({"PRE_COMMIT": "1"}, True, False, False),
        ({"TERM": "dumb"}, True, False, False),
    ],
)
def test_progress_is_for_people_who_wait(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], terminal: bool, quiet: bool, shown: bool
) -> None:
    for name in ("CI", "PRE_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with cli.ProgressLine(quiet) as progress:
        progress("early.py", 1, 9)
        assert stream.getvalue() == ""
        monkeypatch.setattr(cli, "PROGRESS_AFTER", 0.0)
        progress("src/list[int].py", 3, 9)
    assert ("src/list[int].py" in stream.getvalue()) is shown


# --- the process


def poolaudit(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "poolaudit", *arguments],
        cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, encoding="utf-8", check=False, timeout=60,
    )  # fmt: skip


def test_version(tmp_path: Path) -> None:
    assert poolaudit("--version", cwd=tmp_path).stdout == f"poolaudit {__version__}\n"


def test_heavy_modules_stay_out_until_they_are_needed(tmp_path: Path) -> None:
    """A tree without pools: the usual case of a pre-commit hook."""
    (tmp_path / "a.py").write_text("import multiprocessing\n", "utf-8")
    program = (
        "import sys\nfrom poolaudit.cli import main\n"
        "try:\n    main(['scan', '.'])\n"
        "finally:\n    print(sorted(set(sys.argv[1:]) & set(sys.modules)))\n"
    )
    heavy = ["libcst", "rich", "asyncio", "msgspec", "multiprocessing", "concurrent.futures"]
    done = subprocess.run(
        [sys.executable, "-c", program, *heavy], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "All clean: no process pools in 1 file\n[]\n"


ALL_OF_A_CLEAN_RUN = (
    "cli config discover disk engine layout pending report report.lines report.summary report.terminal report.text run selection "
    "settings source stack survey survey.families"
)


def test_what_a_clean_run_imports(tmp_path: Path) -> None:
    """Every commit pays for it. Their records are named tuples: to define a dataclass costs a tenth of Python's own start."""
    (tmp_path / "a.py").write_text("x = 1\n", "utf-8")
    program = (
        "import sys\nfrom poolaudit.cli import main\n"
        "try:\n    main(['scan', 'a.py'])\n"
        "finally:\n    print(*sorted(name for name in sys.modules if name.startswith('poolaudit.')))\n"
        "    print({'dataclasses', 'hashlib', 'hmac', 'pickle', 'tomllib', 'importlib.util'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    expected = " ".join(f"poolaudit.{name}" for name in ALL_OF_A_CLEAN_RUN.split())
    assert done.stdout == f"All clean: no process pools in 1 file\n{expected}\nset()\n"


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "poolaudit", "explain", "--all"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    assert (process.wait(60), said) == (141, b"")


def test_interruption_is_status_130(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: Any, **__: Any) -> Report:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "audit", interrupted)
    with pytest.raises(SystemExit) as caught:
        cli.main(["scan"])
    assert caught.value.code == 130
    assert capsys.readouterr().err.strip() == "Interrupted"


def test_a_bug_of_ours_is_status_2_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> Report:
        raise RuntimeError("boom")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "audit", broken)
    with pytest.raises(SystemExit) as caught:
        cli.main(["scan"])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "RuntimeError: boom" in said
    assert "this is a bug in poolaudit" in said


def test_output_survives_a_narrow_encoding(tmp_path: Path) -> None:
    done = poolaudit("explain", "--tree", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "KEEP-POOL" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"), [("PA50", "PA501"), ("discarded", "discarded-result"), ("PA404,unread", "PA404,unread-map")]
)
def test_shell_completion_of_rules(typed: str, offered: str, tmp_path: Path) -> None:
    done = poolaudit(
        cwd=tmp_path, _POOLAUDIT_COMPLETE="bash_complete", COMP_WORDS=f"poolaudit scan --select {typed}", COMP_CWORD="3"
    )
    assert f"plain,{offered}" in done.stdout.splitlines()
