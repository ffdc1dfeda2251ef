"""The project's configuration: [tool.poolaudit] of pyproject.toml, or poolaudit.toml, and requires-python.

Knows keys, their types, where the files are looked for and how a version range becomes the set of supported Pythons.
Must never know which rules exist (selectors are strings here; the catalog resolves them), a survey or the command line.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from poolaudit.settings import ALL_VERSIONS, NEWEST, OLDEST, Settings, Version

if TYPE_CHECKING:
    from poolaudit.rule import Confidence, Severity

KEYS = (
    "extend", "select", "extend-select", "ignore", "per-file-ignores", "exclude", "extend-exclude", "target-version", "platforms",
    "confidence", "fail-on", "baseline", "jobs",
)  # fmt: skip
PLATFORMS = ("linux", "macos", "windows")
CONFIDENCES: tuple[Confidence, ...] = ("certain", "likely")
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
REPOSITORY = (".git", ".hg", ".svn")

DEFAULT_EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".git-rewrite", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".nox", ".pants.d",
    ".poolaudit_cache", ".pyenv", ".pytest_cache", ".pytype", ".ruff_cache", ".svn", ".tox", ".venv", ".vscode", "__pycache__",
    "__pypackages__", "_build", "buck-out", "build", "dist", "node_modules", "site-packages", "venv",
)  # fmt: skip
"""Folders that are not the project's own code."""


class ConfigError(Exception):
    """Bad configuration or a bad selector: the message names file, key or line, and guesses what was meant."""


class Config(NamedTuple):
    """What a run is asked to do. Selectors are codes, names or prefixes, not resolved yet."""

    root: Path
    """Absolute folder that patterns are relative to: that of the configuration file if it was found at or above the start of the
    search, else of the project, the repository, or the start itself."""
    file: Path | None = None
    """The configuration file that was used."""
    anchored: bool = False
    """`root` is marked by a file or a repository; else it is only where the search began, and says nothing of the project."""
    select: tuple[str, ...] = ()
    """Empty: the rules that are on by default."""
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = {}
    """Pattern (gitignore syntax, relative to root) -> selectors."""
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    """Excludes hold for files named explicitly too."""
    settings: Settings = Settings()
    confidence: Confidence = "certain"
    """'likely' shows likely findings too."""
    fail_on: Severity = "warning"
    """The least severity that makes the exit status 1."""
    baseline: Path | None = None
    """Absolute: the file of recorded findings, which are hidden."""
    jobs: int | None = None
    """Processes at most; None: as many as there are processors."""
    plans: bool = True
    """Reports say what moving each pool to the other API takes; not every format tells it."""
    nests: bool = False
    """It was found by looking for it: folders below `root` may have their own."""
    overrides: tuple[Callable[[Config], Config], ...] = ()
    """What `override` has done to it, for others."""

    @property
    def of_reports(self) -> Config:
        """What the report of a file depends on: without what decides which files there are, by what they are judged and what a
        finding means for the exit status."""
        return self._replace(
            exclude=(), extend_exclude=(), force_exclude=False, fail_on="warning", jobs=None, nests=False, overrides=()
        )


def load(start: Path | str, *, config_file: Path | str | None = None, isolated: bool = False) -> Config:
    """The configuration for `start` (a file or folder): the nearest poolaudit.toml, or pyproject.toml with [tool.poolaudit].

    The search goes from `start` upwards and ends at the root of a repository. `config_file` is used instead of it. `isolated`
    ignores our own configuration; requires-python of the nearest pyproject.toml is read in every case. Raises ConfigError;
    `isolated` takes a pyproject.toml that cannot be read as one that says nothing.
    """
    folders = _upwards(Path(start))
    # three questions are asked of the same few files
    read = cache(_read)
    project, requires = _project(folders, read, lenient=isolated)
    file = None if isolated else _file(folders, read) if config_file is None else Path(config_file).absolute()
    keys = {} if file is None else _extended(file, (), read)
    found = file.parent if file is not None and file.parent in folders else None
    anchor = found or project or (folders[-1] if _is_repository(folders[-1]) else None)
    settings = Settings() if requires is None else Settings(requires, declared=True)
    nests = config_file is None and not isolated
    config = Config(root=anchor or folders[0], file=file, anchored=anchor is not None, settings=settings, nests=nests)
    return config._replace(**_fields(keys, config.settings))


def override(
    config: Config,
    *,
    select: Sequence[str] = (),
    extend_select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    exclude: Sequence[str] = (),
    target_version: Sequence[str] = (),
    confidence: str | None = None,
    fail_on: str | None = None,
    force_exclude: bool = False,
    baseline: str | None = None,
    no_baseline: bool = False,
    plans: bool = True,
) -> Config:
    """`config` with what the command line says. An empty value leaves the configured one.

    `select` and `target_version` replace; all other lists add: nobody wants .venv back because tests are excluded.
    `target_version`: "3.10" or "py310", each element may be a comma-separated list. Raises ConfigError.
    """
    again = partial(
        override,
        select=select,
        extend_select=extend_select,
        ignore=ignore,
        exclude=exclude,
        target_version=target_version,
        confidence=confidence,
        fail_on=fail_on,
        force_exclude=force_exclude,
        baseline=baseline,
        no_baseline=no_baseline,
        plans=plans,
    )
    settings = config.settings
    if target_version:
        settings = settings._replace(targets=_targets(_split(target_version), "--target-version"), declared=True)
    return config._replace(
        select=_split(select) or config.select,
        extend_select=config.extend_select + _split(extend_select),
        ignore=config.ignore + _split(ignore),
        extend_exclude=config.extend_exclude + _split(exclude),
        force_exclude=force_exclude or config.force_exclude,
        settings=settings,
        confidence=_word(confidence, CONFIDENCES, "--confidence") if confidence else config.confidence,
        fail_on=_word(fail_on, SEVERITIES, "--fail-on") if fail_on else config.fail_on,
        baseline=None if no_baseline else Path(baseline).absolute() if baseline else config.baseline,
        plans=plans and config.plans,
        overrides=(*config.overrides, again),
    )


class Closest:
    """The configurations of one run: for each file that of the nearest folder that has one, with what the command line says.

    Where there is none below the run's root it is the run's own. Nothing is merged; `extend` does that.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._by_folder = {str(config.root): config}

    def of(self, path: str) -> Config:
        """For a file. Raises ConfigError."""
        return self.of_folder(os.path.dirname(os.path.abspath(path)))

    def around(self, folder: str) -> Iterator[Config]:
        """For what lies in an absolute folder, the closest first; the last one is the run's. Raises ConfigError."""
        while (found := self.of_folder(folder)) is not self._config:
            yield found
            folder = os.path.dirname(found.root)
        yield found

    def of_folder(self, folder: str) -> Config:
        """For what lies in an absolute folder. Raises ConfigError."""
        if not self._config.nests:
            return self._config
        if folder not in self._by_folder:
            if not Path(folder).is_relative_to(self._config.root):
                return self._config
            if _file([Path(folder)], _read) is None:
                self._by_folder[folder] = self.of_folder(os.path.dirname(folder))
            else:
                found = load(folder)
                for override_again in self._config.overrides:
                    found = override_again(found)
                self._by_folder[folder] = found
        return self._by_folder[folder]


def common_folder(paths: Sequence[str]) -> Path:
    """The deepest folder that holds all `paths`, where the search for the configuration begins; for none the working folder."""
    absolute = [os.path.abspath(path) for path in paths]
    try:
        common = Path(os.path.commonpath(absolute)) if absolute else Path.cwd()
    except ValueError:
        # two drives of Windows
        return Path.cwd()
    return common if common.is_dir() else common.parent


def _split(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


_Reader = Callable[[Path], dict[str, Any]]
"""What gives the content of a TOML file. Raises ConfigError."""


# Where files are


def _upwards(start: Path) -> list[Path]:
    """The folder of `start` and those above it, up to the root of the repository that it lies in."""
    start = start.absolute()
    folder = start if start.is_dir() else start.parent
    folders = [folder, *folder.parents]
    root = next((number for number, each in enumerate(folders) if _is_repository(each)), len(folders))
    return folders[: root + 1]


def _is_repository(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in REPOSITORY)


def _file(folders: Sequence[Path], read: _Reader) -> Path | None:
    for folder in folders:
        if (own := folder / "poolaudit.toml").is_file():
            return own
        if (shared := folder / "pyproject.toml").is_file() and "poolaudit" in _table(read(shared), "tool"):
            return shared
    return None


def _project(folders: Sequence[Path], read: _Reader, *, lenient: bool) -> tuple[Path | None, tuple[Version, ...] | None]:
    """The nearest folder whose pyproject.toml is a project's, or that has a setup.py, and the Pythons that it requires."""
    for folder in folders:
        file = folder / "pyproject.toml"
        try:
            content = read(file) if file.is_file() else {}
            project, poetry = _table(content, "project"), _table(_table(content, "tool"), "poetry")
            requires = project.get("requires-python")
            if requires is not None:
                return folder, _required(requires, file)
            requires = _table(poetry, "dependencies").get("python")
            if requires is not None:
                return folder, _required_by_poetry(requires, file)
            setup = folder / "setup.cfg", folder / "setup.py"
            for old, stated in zip(setup, (_in_setup_cfg, _in_setup_py), strict=True):
                if old.is_file() and (requires := stated(old)) is not None:
                    return folder, _required(requires, old)
            if project or poetry or setup[1].is_file():
                return folder, None
        except ConfigError:
            if not lenient:
                raise
    return None, None


def _in_setup_cfg(file: Path) -> str | None:
    """python_requires of setuptools' declarative configuration."""
    from configparser import ConfigParser, Error

    parser = ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (Error, UnicodeDecodeError):
        # other tools keep their settings there too: what cannot be read says nothing of Pythons
        return None
    return parser.get("options", "python_requires", fallback=None)


def _in_setup_py(file: Path) -> str | None:
    """A literal python_requires= of a call in setup.py, which is read and never run."""
    import ast

    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, OSError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "python_requires":
            value = node.value
            return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
    return None


# Reading


def _read(file: Path) -> dict[str, Any]:
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        with file.open("rb") as stream:
            table: dict[str, Any] = toml.load(stream)
    except toml.TOMLDecodeError as error:
        reason, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        # "at end of document" names no line: the last one is meant
        raise _error(file, reason, int(line[1]) if line else len(file.read_bytes().splitlines())) from error
    except UnicodeDecodeError as error:
        raise _error(file, f"is not UTF-8: {error.reason}", error.object[: error.start].count(b"\n") + 1) from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    return table


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    return value if isinstance(value, Mapping) else {}


def _extended(file: Path, seen: tuple[Path, ...], read: _Reader) -> dict[str, _Value]:
    """The keys of `file` over those of the file that it extends: a key replaces, an extend- key adds."""
    if file in seen:
        raise ConfigError(
            f"{file}: extends itself through {', '.join(str(each) for each in seen[seen.index(file) + 1 :]) or 'itself'}"
        )
    keys = _own(file, read)
    extend = keys.pop("extend", None)
    if extend is None:
        return keys
    inherited = _extended(extend.path().resolve(), (*seen, file), read)
    for key, value in keys.items():
        former = inherited.get(key)
        both_lists = former is not None and isinstance(former.value, list) and isinstance(value.value, list)
        if former is not None and both_lists and key.startswith("extend-"):
            value = value._replace(value=former.value + value.value)
        inherited[key] = value
    return inherited


def _own(file: Path, read: _Reader) -> dict[str, _Value]:
    content = read(file)
    table = content if file.name != "pyproject.toml" else _table(content, "tool").get("poolaudit", {})
    if not isinstance(table, Mapping):
        raise _error(file, "tool.poolaudit must be a table")
    keys = {key: _Value(file, key, value) for key, value in table.items()}
    for key, value in keys.items():
        if key not in KEYS:
            raise value.error(f"is unknown{_guess(key, KEYS)}")
    return keys


class _Value(NamedTuple):
    """The value of one key, which knows where it comes from."""

    file: Path
    key: str
    value: Any

    def error(self, message: str) -> ConfigError:
        pattern = re.compile(rf"""\s*["']?{re.escape(self.key)}["']?\s*[=.\]]|\s*\[.*\b{re.escape(self.key)}["']?\]""")
        lines = self.file.read_text("utf-8", "replace").split("\n")
        line = next((number for number, line in enumerate(lines, 1) if pattern.match(line)), 0)
        return _error(self.file, f"`{self.key}` {message}", line)

    def path(self) -> Path:
        """Relative to the file that names it."""
        if not isinstance(self.value, str):
            raise self.error("must be a path")
        return self.file.parent / os.path.expanduser(self.value)

    def number(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 1:
            raise self.error("must be a number from 1 on")
        return self.value

    def strings(self) -> tuple[str, ...]:
        if not isinstance(self.value, list) or not all(isinstance(item, str) for item in self.value):
            raise self.error("must be a list of strings")
        return tuple(self.value)


def _error(file: Path, message: str, line: int = 0) -> ConfigError:
    return ConfigError(f"{file}:{line}: {message}" if line else f"{file}: {message}")


def _guess(word: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, known, 1)
    return f" (did you mean `{close[0]}`?)" if close else ""


# From keys to fields


def _fields(keys: Mapping[str, _Value], settings: Settings) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in keys.items():
        if key == "target-version":
            settings = settings._replace(targets=_target_version(value), declared=True)
        elif key == "platforms":
            settings = settings._replace(platforms=tuple(_word(each, PLATFORMS, value) for each in value.strings()))
        elif key == "per-file-ignores":
            fields["per_file_ignores"] = _per_file_ignores(value)
        elif key == "confidence":
            fields["confidence"] = _word(value.value, CONFIDENCES, value)
        elif key == "fail-on":
            fields["fail_on"] = _word(value.value, SEVERITIES, value)
        elif key == "baseline":
            fields["baseline"] = Path(os.path.abspath(value.path()))
        elif key == "jobs":
            fields["jobs"] = value.number()
        else:
            fields[key.replace("-", "_")] = value.strings()
    return {**fields, "settings": settings}


def _word(word: object, known: Sequence[str], where: _Value | str) -> Any:
    if word in known:
        return word
    message = f"must be one of {', '.join(known)}, not {word!r}{_guess(str(word), known)}"
    raise where.error(message) if isinstance(where, _Value) else ConfigError(f"{where} {message}")


def _per_file_ignores(value: _Value) -> dict[str, tuple[str, ...]]:
    if not isinstance(value.value, Mapping):
        raise value.error("must be a table of patterns")
    return {pattern: value._replace(value=selectors).strings() for pattern, selectors in value.value.items()}


# Supported Pythons


def _target_version(value: _Value) -> tuple[Version, ...]:
    versions = (value.value,) if isinstance(value.value, str) else value.strings()
    try:
        return _targets(versions, "`target-version`")
    except ConfigError as error:
        raise value.error(str(error).removeprefix("`target-version` ")) from error


def _targets(versions: Sequence[str], where: str) -> tuple[Version, ...]:
    found = set()
    for text in versions:
        match = re.fullmatch(r"(?:py)?3\.?(\d+)", text)
        version = (3, int(match[1])) if match else None
        if version not in ALL_VERSIONS:
            known = ", ".join(f"{major}.{minor}" for major, minor in ALL_VERSIONS)
            raise ConfigError(f"{where} {text!r} is none of {known}")
        found.add(version)
    if not found:
        raise ConfigError(f"{where} names no version")
    return tuple(sorted(found))


def _required_by_poetry(constraint: object, file: Path) -> tuple[Version, ...]:
    """The Pythons of Poetry's own syntax, `^3.9 || ~3.7`: https://python-poetry.org/docs/dependency-specification/"""
    alternatives = re.split(r"\|\|?", constraint) if isinstance(constraint, str) else [constraint]
    found = {version for each in alternatives for version in _required(_standard(each), file, "python")}
    return tuple(sorted(found))


def _standard(constraint: object) -> object:
    """One of Poetry's alternatives as a version specifier; what is none of them stays as it is, for a complaint."""
    if not isinstance(constraint, str) or not re.fullmatch(r"(?:[\s,]*(?:[<>]=?|[~^!=]=?)?\s*[\d.*]+)+\s*", constraint):
        return constraint
    parts = []
    for sign, version in re.findall(r"([<>~^!=]*)\s*([\d.*]+)", constraint):
        numbers = version.removesuffix(".*").split(".")
        if version == "*":
            continue
        if sign in ("^", "~"):
            # ^3.9 and ~3 go up to 4, ~3.9 and ~3.9.1 up to 3.10
            same = numbers[:1] if sign == "^" or len(numbers) == 1 else numbers[:2]
            parts += [f">={'.'.join(numbers)}", f"=={'.'.join(same)}.*"]
        elif sign in ("", "=", "=="):
            parts.append(f"=={'.'.join(numbers)}" if len(numbers) > 2 else f"=={'.'.join(numbers)}.*")
        else:
            parts.append(f"{sign}{version}")
    return ",".join(parts)


def _range(specifier: str) -> tuple[Version, ...]:
    """`>=3.10` and `>=3.10,<4`, which nearly all projects write: to import packaging takes as long as all the rest of a start."""
    match = re.fullmatch(r"\s*>=\s*3\.(\d+)\s*(?:,\s*<\s*(?:3\.(\d+)|4(?:\.0)?)\s*)?", specifier)
    if match is None:
        return ()
    end = int(match[2]) if match[2] else NEWEST[1] + 1
    return tuple(version for version in ALL_VERSIONS if int(match[1]) <= version[1] < end)


def _required(specifier: object, file: Path, key: str = "requires-python") -> tuple[Version, ...]:
    """The known minors of which some release satisfies requires-python; the nearest known one where it is beyond them all."""
    if isinstance(specifier, str) and (found := _range(specifier)):
        return found
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    value = _Value(file, key, specifier)
    if not isinstance(specifier, str):
        raise value.error("must be a string")
    try:
        allowed = SpecifierSet(specifier)
    except InvalidSpecifier:
        try:
            # setuptools took ">=3.6.*" for years
            allowed = SpecifierSet(re.sub(r"([<>]=?\s*[\d.]*\d)\.\*", r"\1", specifier))
        except InvalidSpecifier as error:
            raise value.error(f"is no version specifier: {specifier!r}") from error

    def admits(version: Version) -> bool:
        # the highest patch release first: it satisfies nearly every range of which the minor is a part
        return any(allowed.contains(f"{version[0]}.{version[1]}.{patch}") for patch in (99, *range(50)))

    found = tuple(version for version in ALL_VERSIONS if admits(version))
    if found:
        return found
    return (OLDEST,) if any(admits((3, minor)) for minor in range(OLDEST[1])) or admits((2, 7)) else (NEWEST,)
