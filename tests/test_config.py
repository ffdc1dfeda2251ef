"""Where configuration is found, what it may say, and which Pythons it supports."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolaudit import config
from poolaudit.config import Config, ConfigError, load
from poolaudit.settings import ALL_VERSIONS


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    return file


def targets(found: Config) -> list[str]:
    return [f"{major}.{minor}" for major, minor in found.settings.targets]


# --- where


def test_nothing_said(tmp_path: Path) -> None:
    found = config.load(tmp_path)
    assert found == Config(root=tmp_path, nests=True)
    assert found.settings.targets == ALL_VERSIONS
    assert not found.settings.declared


def test_nearest_wins_and_is_the_root(tmp_path: Path) -> None:
    outer = write(tmp_path, "pyproject.toml", '[tool.poolaudit]\nignore = ["PA502"]\n')
    inner = write(tmp_path / "a/b", "poolaudit.toml", 'ignore = ["PA503"]\n')
    write(tmp_path / "a/b/c", "pyproject.toml", "[tool.ruff]\n")
    (tmp_path / "a/b/c/file.py").touch()
    assert (config.load(tmp_path / "a").file, config.load(tmp_path / "a").root) == (outer, tmp_path)
    for start in (tmp_path / "a/b", tmp_path / "a/b/c", tmp_path / "a/b/c/file.py", str(tmp_path / "a/b/c")):
        found = config.load(start)
        assert (found.file, found.root, found.ignore) == (inner, tmp_path / "a/b", ("PA503",))


def test_our_own_file_goes_before_pyproject(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", '[tool.poolaudit]\nignore = ["PA502"]\n')
    write(tmp_path, "poolaudit.toml", 'ignore = ["PA503"]\n')
    assert config.load(tmp_path).ignore == ("PA503",)


def test_the_search_ends_with_the_repository(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", '[project]\nrequires-python = ">=3.14"\n[tool.poolaudit]\nignore = ["PA502"]\n')
    (tmp_path / "repository/.git").mkdir(parents=True)
    (tmp_path / "repository/pkg").mkdir()
    found = config.load(tmp_path / "repository/pkg")
    assert (found.file, found.root, found.settings.declared) == (None, tmp_path / "repository", False)


def test_without_our_table_the_root_is_the_project(tmp_path: Path) -> None:
    write(tmp_path / "project", "pyproject.toml", '[project]\nname = "x"\n')
    (tmp_path / "project/src").mkdir()
    assert config.load(tmp_path / "project/src").root == tmp_path / "project"


def test_a_file_that_is_named(tmp_path: Path) -> None:
    write(tmp_path / "src", "poolaudit.toml", 'ignore = ["PA502"]\n')
    named = write(tmp_path / "etc", "audit.toml", 'select = ["PA5"]\n')
    found = config.load(tmp_path / "src", config_file=named)
    assert (found.file, found.root, found.select, found.ignore) == (named, tmp_path / "src", ("PA5",), ())
    assert config.load(tmp_path / "etc", config_file=named).root == tmp_path / "etc"
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read: No such file"):
        config.load(tmp_path, config_file=tmp_path / "gone.toml")


def test_isolated_still_knows_the_pythons(tmp_path: Path) -> None:
    write(
        tmp_path, "pyproject.toml", '[project]\nrequires-python = ">=3.13"\n[tool.poolaudit]\nignore = ["PA502"]\nnonsense = 1\n'
    )
    found = config.load(tmp_path, isolated=True)
    assert (found.ignore, targets(found), found.settings.declared) == ((), ["3.13", "3.14"], True)


@pytest.mark.parametrize("content", ["[project\n", '[project]\nrequires-python = "nonsense"\n'])
def test_isolated_takes_a_broken_project_as_one_that_says_nothing(tmp_path: Path, content: str) -> None:
    write(tmp_path, "pyproject.toml", content)
    with pytest.raises(ConfigError):
        config.load(tmp_path)
    assert not config.load(tmp_path, isolated=True).settings.declared


@pytest.mark.parametrize(
    ("paths", "folder"),
    [(["a/b/x.py", "a/c"], "a"), (["a/b/x.py"], "a/b"), (["a/b", "a/b/x.py"], "a/b"), ([], ".")],
)
def test_common_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: list[str], folder: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a/b", "x.py", "")
    (tmp_path / "a/c").mkdir()
    assert config.common_folder(paths) == (tmp_path / folder).resolve()


# --- keys


def test_every_key(tmp_path: Path) -> None:
    text = """
        [tool.poolaudit]
        select = ["PA5", "lambda-task"]
        extend-select = ["PA410"]
        ignore = ["PA503"]
        exclude = ["build"]
        extend-exclude = ["old"]
        target-version = ["3.10", "3.14"]
        platforms = ["linux"]
        confidence = "likely"
        fail-on = "error"
        jobs = 4
        [tool.poolaudit.per-file-ignores]
        "tests/*" = ["PA5"]
    """
    found = config.load(write(tmp_path, "pyproject.toml", text).parent)
    assert (found.select, found.extend_select, found.ignore) == (("PA5", "lambda-task"), ("PA410",), ("PA503",))
    assert (found.exclude, found.extend_exclude, found.per_file_ignores) == (("build",), ("old",), {"tests/*": ("PA5",)})
    assert (found.confidence, found.fail_on, found.settings.platforms) == ("likely", "error", ("linux",))
    assert found.jobs == 4
    assert (targets(found), found.settings.declared) == (["3.10", "3.14"], True)
    assert {key.replace("-", "_") for key in config.KEYS} - {"extend", "target_version", "platforms"} < set(Config._fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('selct = ["PA5"]', "poolaudit.toml:2: `selct` is unknown (did you mean `select`?)"),
        ("banana = 1", "poolaudit.toml:2: `banana` is unknown"),
        ('select = "PA5"', "poolaudit.toml:2: `select` must be a list of strings"),
        ("ignore = [5]", "poolaudit.toml:2: `ignore` must be a list of strings"),
        ('confidence = "sure"', "poolaudit.toml:2: `confidence` must be one of certain, likely, not 'sure'"),
        ("jobs = 0", "`jobs` must be a number from 1 on"),
        ("jobs = true", "`jobs` must be a number from 1 on"),
        ('fail-on = "warnings"', "`fail-on` must be one of info, warning, error, not 'warnings' (did you mean `warning`?)"),
        ('platforms = ["linux", "win"]', "`platforms` must be one of linux, macos, windows, not 'win'"),
        ('platforms = "linux"', "`platforms` must be a list of strings"),
        ('target-version = "2.7"', "`target-version` '2.7' is none of 3.8, "),
        ("target-version = 3.1", "`target-version` must be a list of strings"),
        ("target-version = []", "`target-version` names no version"),
        ('per-file-ignores = ["PA5"]', "`per-file-ignores` must be a table of patterns"),
        ('[per-file-ignores]\n"a.py" = "PA5"', "`per-file-ignores` must be a list of strings"),
        ("extend = 1", "`extend` must be a path"),
        ('extend = "gone.toml"', "gone.toml: cannot be read: No such file or directory"),
        ('extend = "poolaudit.toml"', "poolaudit.toml: extends itself"),
        ("select = [", "poolaudit.toml:2: "),
        ("select = 1\nselect = 2", "poolaudit.toml:3: Cannot overwrite a value"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "poolaudit.toml", f"# ours\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[tool.poolaudit]\nselect = [\n", r"pyproject\.toml:\d: \w+"),
        (b"[project]\n\nname = \n", r"pyproject\.toml:3: Invalid value"),
        (b"[project]\nname = '\xff'\n", r"pyproject\.toml:2: is not UTF-8"),
        (b"[tool]\npoolaudit = 1\n", r"pyproject\.toml: tool\.poolaudit must be a table"),
    ],
)
def test_a_broken_pyproject(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        config.load(tmp_path)


def test_extend(tmp_path: Path) -> None:
    write(tmp_path, "base.toml", 'ignore = ["PA501"]\nextend-exclude = ["old"]\nconfidence = "likely"\n')
    write(tmp_path / "etc", "middle.toml", 'extend = "../base.toml"\nextend-exclude = ["older"]\n')
    write(
        tmp_path / "project", "poolaudit.toml", 'extend = "../etc/middle.toml"\nignore = ["PA502"]\nextend-exclude = ["oldest"]\n'
    )
    found = config.load(tmp_path / "project")
    assert (found.ignore, found.extend_exclude, found.confidence) == (("PA502",), ("old", "older", "oldest"), "likely")
    assert found.root == tmp_path / "project"


def test_extend_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path, "poolaudit.toml", 'extend = "other.toml"\n')
    write(tmp_path, "other.toml", 'extend = "poolaudit.toml"\n')
    with pytest.raises(ConfigError, match=r"poolaudit\.toml: extends itself through .*other\.toml"):
        config.load(tmp_path)


# --- supported Pythons


@pytest.mark.parametrize(
    ("specifier", "minors"),
    [
        (">=3.10", "3.10 3.11 3.12 3.13 3.14"),
        (">=3.8.1,<3.11", "3.8 3.9 3.10"),
        ("~=3.12", "3.12 3.13 3.14"),
        (">=3.9,!=3.10.*,<4", "3.9 3.11 3.12 3.13 3.14"),
        ("==3.11.*", "3.11"),
        ("==3.11.4", "3.11"),
        (">3.13.2", "3.13 3.14"),
        (">=3.6", "3.8 3.9 3.10 3.11 3.12 3.13 3.14"),
        (">=2.7, <3.6", "3.8"),
        (">=3.15", "3.14"),
        (">=3.13.*", "3.13 3.14"),
        ("", "3.8 3.9 3.10 3.11 3.12 3.13 3.14"),
    ],
)
def test_requires_python(tmp_path: Path, specifier: str, minors: str) -> None:
    write(tmp_path, "pyproject.toml", f'[project]\nrequires-python = "{specifier}"\n')
    found = config.load(tmp_path)
    assert (targets(found), found.settings.declared) == (minors.split(), True)


@pytest.mark.parametrize("value", ['"^3.8"', "3.10", '">=three"'])
def test_a_bad_requires_python(tmp_path: Path, value: str) -> None:
    write(tmp_path, "pyproject.toml", f"[project]\nrequires-python = {value}\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml:2: `requires-python` (is no version specifier|must be a string)"):
        config.load(tmp_path)


def test_target_version_beats_requires_python(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", '[project]\nrequires-python = ">=3.8"\n[tool.poolaudit]\ntarget-version = "py312"\n')
    assert targets(config.load(tmp_path)) == ["3.12"]


# --- the command line


def test_override(tmp_path: Path) -> None:
    write(
        tmp_path, "poolaudit.toml", 'select = ["PA1"]\nextend-select = ["PA410"]\nignore = ["PA502"]\nextend-exclude = ["old"]\n'
    )
    loaded = config.load(tmp_path)
    assert config.override(loaded)._replace(overrides=()) == loaded
    found = config.override(
        loaded,
        select=["PA2, PA3", "PA4"],
        extend_select=["PA411"],
        ignore=["PA503"],
        exclude=["tests,docs"],
        target_version=["3.13,py314"],
        confidence="likely",
        fail_on="info",
        force_exclude=True,
    )
    assert (found.select, found.extend_select, found.ignore) == (("PA2", "PA3", "PA4"), ("PA410", "PA411"), ("PA502", "PA503"))
    assert (found.exclude, found.extend_exclude) == (config.DEFAULT_EXCLUDE, ("old", "tests", "docs"))
    assert (targets(found), found.settings.declared) == (["3.13", "3.14"], True)
    assert (found.confidence, found.fail_on, found.force_exclude) == ("likely", "info", True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_version": ["3.99"]}, "--target-version '3.99' is none of"),
        ({"confidence": "likly"}, r"--confidence must be one of certain, likely, not 'likly' \(did you mean `likely`\?\)"),
        ({"fail_on": "never"}, "--fail-on must be one of"),
    ],
)
def test_override_refuses(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.override(Config(root=tmp_path), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("constraint", "minors"),
    [
        ("^3.9", "9 10 11 12 13 14"),
        ("^3.12.4", "12 13 14"),
        ("~3.9", "9"),
        ("~3.9.1", "9"),
        ("~3", "8 9 10 11 12 13 14"),
        ("3.11.*", "11"),
        ("3.11", "11"),
        ("==3.11.4", "11"),
        ("*", "8 9 10 11 12 13 14"),
        (">=3.10, <3.13", "10 11 12"),
        (">=3.10 <3.13", "10 11 12"),
        (">=3.9,<4.0,!=3.9.7", "9 10 11 12 13 14"),
        (">3.9,!=3.11.*", "9 10 12 13 14"),
        ("~3.8 || ^3.13", "8 13 14"),
        ("~3.8|~3.10", "8 10"),
        ("^2.7", "8"),
    ],
)
def test_what_poetry_requires(tmp_path: Path, constraint: str, minors: str) -> None:
    write(tmp_path, "pyproject.toml", f'[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "{constraint}"\n')
    (tmp_path / "src").mkdir()
    found = load(tmp_path / "src")
    assert found.settings.targets == tuple((3, int(minor)) for minor in minors.split())
    assert found.settings.declared
    assert (found.root, found.anchored) == (tmp_path, True)


@pytest.mark.parametrize("value", ['"nonsense"', "3", '"^3.x"', "{version = 3}"])
def test_a_constraint_that_poetry_would_not_take(tmp_path: Path, value: str) -> None:
    write(tmp_path, "pyproject.toml", f"[tool.poetry.dependencies]\npython = {value}\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml:2: `python` (is no version specifier|must be a string)"):
        load(tmp_path)


def test_the_standard_beats_poetry(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", '[project]\nrequires-python = ">=3.13"\n[tool.poetry.dependencies]\npython = "^3.9"\n')
    assert load(tmp_path).settings.targets == ((3, 13), (3, 14))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("setup.cfg", "[options]\npython_requires = >=3.9,<3.12\n"),
        ("setup.py", "from setuptools import setup\nsetup(name='x', python_requires='>=3.9,<3.12')\n"),
    ],
)
def test_python_requires_of_older_projects(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = ['setuptools']\n")
    settings = load(tmp_path).settings
    assert settings.declared
    assert settings.targets == ((3, 9), (3, 10), (3, 11))


def test_unreadable_setup_files_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("no section\n")
    (tmp_path / "setup.py").write_text("setup(:\n")
    assert not load(tmp_path).settings.declared


# Folders with a configuration of their own


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """A root, a folder with its own configuration, and one inside of that with another."""
    write(
        tmp_path,
        "pyproject.toml",
        '[project]\nrequires-python = ">=3.9"\n[tool.poolaudit]\nignore = ["PA5"]\nfail-on = "error"\n',
    )
    (tmp_path / "one" / "two" / "three").mkdir(parents=True)
    (tmp_path / "one" / "plain").mkdir()
    write(tmp_path / "one", "pyproject.toml", '[project]\nrequires-python = ">=3.13"\n[tool.poolaudit]\nselect = ["PA502"]\n')
    write(tmp_path / "one" / "plain", "pyproject.toml", "[tool.other]\n")
    write(tmp_path / "one" / "two", "poolaudit.toml", 'extend = "../pyproject.toml"\nconfidence = "likely"\n')
    return tmp_path


def test_the_closest_one_counts_and_nothing_is_merged(nested: Path) -> None:
    closest = config.Closest(config.override(load(nested), ignore=["PA9"]))
    root, one, two = (closest.of(str(nested / name)) for name in ("a.py", "one/a.py", "one/two/a.py"))
    assert (root.root, root.ignore, root.select) == (nested, ("PA5", "PA9"), ())
    assert (one.root, one.ignore, one.select, one.fail_on) == (nested / "one", ("PA9",), ("PA502",), "warning")
    assert one.settings.targets == ((3, 13), (3, 14))
    assert (two.root, two.select, two.confidence) == (nested / "one" / "two", ("PA502",), "likely")
    assert closest.of(str(nested / "one/plain/a.py")) is one
    assert closest.of(str(nested / "one/two/three/a.py")) is two
    assert closest.of(str(nested.parent / "a.py")) is root
    assert list(closest.around(str(nested / "one/two/three"))) == [two, one, root]


@pytest.mark.parametrize("options", [{"isolated": True}, {"config_file": "one/pyproject.toml"}])
def test_one_that_is_given_is_the_only_one(nested: Path, options: dict[str, object]) -> None:
    if "config_file" in options:
        options = {"config_file": nested / str(options["config_file"])}
    found = load(nested, **options)  # type: ignore[arg-type]
    assert config.Closest(found).of(str(nested / "one/two/a.py")) is found


def test_a_bad_one_is_an_error(nested: Path) -> None:
    write(nested / "one" / "two", "poolaudit.toml", "nonsense = 1\n")
    closest = config.Closest(load(nested))
    assert closest.of(str(nested / "one" / "a.py")).select == ("PA502",)
    with pytest.raises(ConfigError, match=r"two/poolaudit\.toml:1: `nonsense` is unknown"):
        closest.of(str(nested / "one/two/a.py"))


@pytest.mark.parametrize(
    "specifier",
    [f">=3.{low}{high}" for low in range(6, 17) for high in ("", ",<4", ", < 4.0", *(f",<3.{n}" for n in range(8, 17)))],
)
def test_the_short_cut_for_plain_ranges_says_what_packaging_says(
    specifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "pyproject.toml", f'[project]\nrequires-python = "{specifier}"\n')
    quick = config.load(file.parent).settings.targets
    monkeypatch.setattr(config, "_range", lambda specifier: ())
    assert config.load(file.parent).settings.targets == quick
