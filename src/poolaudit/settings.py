"""What a rule may know of the project it looks at: supported Pythons, platforms and the start methods that follow.

Knows which start method each Python uses by default on each platform (FORKSERVER_SINCE) and how severe a harm is for a set of
targets.
Must never know a rule, a configuration file or the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from poolaudit.facts import FileFacts, PoolSite

Version = tuple[int, int]
StartMethod = Literal["fork", "spawn", "forkserver"]

NEWEST: Version = (3, 14)
"""The newest Python known here: an open upper bound of requires-python ends with it."""

OLDEST: Version = (3, 8)

FORKSERVER_SINCE: Version = (3, 14)
"""Linux changed its default from fork to forkserver here (https://docs.python.org/3.14/whatsnew/3.14.html)."""

ALL_VERSIONS: tuple[Version, ...] = tuple((3, minor) for minor in range(OLDEST[1], NEWEST[1] + 1))
ALL_METHODS: frozenset[StartMethod] = frozenset({"fork", "spawn", "forkserver"})


class Settings(NamedTuple):
    """Targets and platforms.

    `declared` is False when nothing names the supported Pythons: version-gated rules stay silent then.
    """

    targets: tuple[Version, ...] = ALL_VERSIONS
    declared: bool = False
    platforms: tuple[str, ...] = ("linux", "macos", "windows")

    def below(self, version: Version) -> tuple[Version, ...]:
        """The declared targets older than `version`; empty when none are declared."""
        return tuple(target for target in self.targets if target < version) if self.declared else ()

    def has(self, version: Version) -> bool:
        """Some target is `version` or newer. Without a declaration the newest counts as supported."""
        return any(target >= version for target in self.targets)

    def default_methods(self, platform: str) -> frozenset[StartMethod]:
        """The default start methods of one platform over all targets."""
        if platform != "linux":
            return frozenset({"spawn"})
        return frozenset("forkserver" if target >= FORKSERVER_SINCE else "fork" for target in self.targets)

    def start_methods(self, site: PoolSite, file: FileFacts) -> frozenset[StartMethod]:
        """Start methods that the pool may run under: its context, else the file's set_start_method, else every default."""
        explicit = site.start_method or file.start_method
        if explicit == "unknown":
            return frozenset()
        if explicit is not None:
            return frozenset(method for method in ALL_METHODS if method == explicit)
        return frozenset().union(*(self.default_methods(platform) for platform in self.platforms))

    def severity(self, site: PoolSite, file: FileFacts, methods: frozenset[StartMethod]) -> Literal["error", "warning"] | None:
        """How severe a harm is that occurs only under `methods`; None when the pool never runs under one of them.

        error when it occurs under an explicit method or under Linux's default for some target; warning when only another
        platform's default has it.
        """
        if not methods & self.start_methods(site, file):
            return None
        if site.start_method or file.start_method:
            return "error"
        on_linux = "linux" in self.platforms and self.default_methods("linux") & methods
        return "error" if on_linux else "warning"

    def where(self, site: PoolSite, file: FileFacts, methods: frozenset[StartMethod]) -> str:
        """Names, for a note, what a harm under `methods` needs: '3.14 (forkserver), macOS, Windows (spawn)'."""
        explicit = site.start_method or file.start_method
        if explicit:
            return f"the start method given ({explicit})"
        parts = []
        if "linux" in self.platforms:
            if "fork" in methods and any(target < FORKSERVER_SINCE for target in self.targets):
                parts.append("Linux before 3.14 (fork)")
            if "forkserver" in methods and self.has(FORKSERVER_SINCE):
                parts.append("Linux from 3.14 (forkserver)")
        if "spawn" in methods:
            names = [label for key, label in (("macos", "macOS"), ("windows", "Windows")) if key in self.platforms]
            if names:
                parts.append(f"{' and '.join(names)} (spawn)")
        return ", ".join(parts)
