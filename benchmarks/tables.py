"""Results as text: Markdown tables, and a chart as SVG.

Knows how numbers, rows and axes are written. Must never know what was measured or how.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from measuring import Ratio


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; heads that end with a colon are of columns of numbers, which stand to the right."""
    lines = [
        "| " + " | ".join(head.rstrip(":") for head in heads) + " |",
        "|" + "|".join("--:" if head.endswith(":") else "---" for head in heads) + "|",
    ]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def significant(number: float, unit: str = "") -> str:
    """Two digits that count, or all that stand before the point; with its unit."""
    if number == 0:
        return f"0{unit}"
    places = max(0, 1 - math.floor(math.log10(abs(number))))
    return f"{number:,.{places}f}{unit}"


def spread(ratio: Ratio) -> str:
    """'2.1 (1.9 to 2.4)'; the median alone where the rounds agree."""
    middle, least, most = significant(ratio.middle), significant(ratio.least), significant(ratio.most)
    return middle if least == most else f"{middle} ({least} to {most})"


# Charts

WIDTH, HEIGHT = 420, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 64, 48
COLOURS = ("#2f81f7", "#e3672a", "#2da44e")
"""Each has a contrast of 3 to white and to near-black."""
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 13px }
.grid { stroke: #8c959f; stroke-opacity: 0.35 }
.linear { stroke: #6e7781; stroke-dasharray: 4 4; fill: none }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .linear { stroke: #9198a1 } }
"""


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart: its name, and points with positive numbers."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart with logarithmic axes. A dashed line through each first point shows linear growth."""

    title: str
    x: str
    y: str
    series: tuple[Series, ...]


def chart(panels: Sequence[Panel]) -> str:
    """The panels side by side as SVG, on whatever ground the page has."""
    width = WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" role="img">',
        f"<title>{escape('; '.join(panel.title for panel in panels))}</title>",
        f"<style>{STYLE}</style>",
    ]
    for number, panel in enumerate(panels):
        parts += [f'<g transform="translate({number * WIDTH} 0)">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel) -> Iterable[str]:
    points = [point for series in panel.series for point in series.points]
    across = _Axis([x for x, _ in points], LEFT, WIDTH - RIGHT)
    up = _Axis([y for _, y in points], HEIGHT - BOTTOM, TOP)
    yield f'<text class="title" x="{LEFT}" y="18">{escape(panel.title)}</text>'
    for tick in across.ticks():
        x = across.at(tick)
        yield f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_short(tick)}</text>'
    for tick in up.ticks():
        y = up.at(tick)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>'
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(panel.x)}</text>'
    yield f'<text transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">{escape(panel.y)}</text>'
    legend = LEFT
    for number, series in enumerate(panel.series):
        yield from _series(series, COLOURS[number % len(COLOURS)], across, up)
        yield f'<path d="M{legend} 40h16" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="2"/>'
        yield f'<text x="{legend + 20}" y="44">{escape(series.name)}</text>'
        legend += 34 + 7 * len(series.name)
    yield f'<path class="linear" d="M{legend} 40h16"/><text x="{legend + 20}" y="44">linear</text>'


def _series(series: Series, colour: str, across: _Axis, up: _Axis) -> Iterable[str]:
    places = [(across.at(x), up.at(y)) for x, y in series.points]
    (x, y), last = series.points[0], series.points[-1][0]
    far = min(last, x * up.most / y)
    yield f'<path class="linear" d="M{across.at(x):.1f} {up.at(y):.1f}L{across.at(far):.1f} {up.at(y * far / x):.1f}"/>'
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


class _Axis:
    """Numbers as places on a line, logarithmically."""

    def __init__(self, numbers: Sequence[float], start: float, end: float) -> None:
        self.least, self.most = min(numbers) / 1.25, max(numbers) * 1.25
        self._start, self._end = start, end

    def at(self, number: float) -> float:
        share = math.log(number / self.least) / math.log(self.most / self.least)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        """1, 2, 5, 10, 20, 50, ..., as far as they are on the axis."""
        decades = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
        return [tick for tick in ticks if self.least <= tick <= self.most]


def _short(number: float) -> str:
    if number >= 1_000_000:
        return f"{number / 1_000_000:g}M"
    return f"{number / 1_000:g}k" if number >= 1_000 else f"{number:g}"
