"""How every figure is drawn, embedded in the page and saved: one look, light and dark, no colour
that some readers cannot tell from another."""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch
from scipy import stats

from baselines.reporting.pages import printable

# Okabe & Ito's colour-blind-safe palette, less yellow and black (each vanishes on one background).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
GLYPHS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚"}
SHADES = (0.92, 0.66, 0.44, 0.26, 0.12)  # of the ink, for what is not a method
INK = "#010203"  # black on paper; in the page it becomes the text's colour
WIDTH = 4.6  # inches
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "text.parse_math": False,  # names are names, whatever signs they hold
    "font.family": "sans-serif",
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
}


@dataclass(frozen=True, slots=True)
class Plot:
    """A finished figure. name: of its files, without ending. caption: HTML."""

    name: str
    title: str
    svg: Markup
    caption: Markup


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that cannot be drawn from these data, and why, as a sentence."""

    title: str
    why: str


Drawn = Plot | Missing


@dataclass(frozen=True)
class Studio:
    """Draws figures, and saves them as SVG, PDF and PNG in `folder` unless it is None."""

    folder: Path | None = None
    drawn: set[str] = field(default_factory=set)

    def draw(
        self,
        name: str,
        title: str,
        caption: str,
        paint: Callable[[Canvas], None],
        height: float = 3.1,
    ) -> Plot:
        """Paint on a canvas `WIDTH` inches wide. `caption` may use <b>; names in it are escaped by
        whoever made it (`markupsafe.escape`)."""
        name = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:120] or "figure"
        self.drawn.add(name)
        with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
            canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
            paint(canvas)
            buffer = io.StringIO()
            canvas.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
            if self.folder is not None:
                canvas.set_layout_engine("none")  # all is in its place by now
                self._save(canvas, name, buffer.getvalue())
        svg = Markup(_embedded(buffer.getvalue(), title, name))
        return Plot(name, title, svg, Markup(caption))

    def tidy(self) -> None:
        """Remove the files of figures that an earlier report had and this one has not."""
        for svg in self.folder.glob("*.svg") if self.folder is not None else ():
            files = [svg.with_name(f"{svg.stem}.{ending}") for ending in ("svg", "pdf", "png")]
            if svg.stem not in self.drawn and all(file.exists() for file in files):
                for file in files:
                    file.unlink()

    def _save(self, canvas: Canvas, name: str, svg: str) -> None:
        """The SVG tells whether the others are still of the same figure: they take most time."""
        assert self.folder is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        files = [self.folder / f"{name}.{ending}" for ending in ("svg", "pdf", "png")]
        if all(file.exists() for file in files) and files[0].read_text("utf-8") == svg:
            return
        # Without a date the same results give the same file.
        canvas.savefig(files[1], metadata={"CreationDate": None})
        canvas.savefig(files[2], dpi=200)
        files[0].write_text(svg, encoding="utf-8")


@dataclass(frozen=True)
class Looks:
    """Each method's colour, marker and line, the same in all figures of a report."""

    methods: Sequence[str]

    def __call__(self, method: str) -> tuple[str, str, str]:
        """(colour, marker, line style); after six methods the pairings change."""
        i = self.methods.index(method)
        lap = i // len(PALETTE)
        marker = MARKERS[(i + lap) % len(MARKERS)]
        return PALETTE[i % len(PALETTE)], marker, ("-", "--", "-.", ":")[lap % 4]

    def colour(self, method: str) -> str:
        """For legends in text."""
        return self(method)[0]

    def glyph(self, method: str) -> str:
        """The marker as a character, for legends in text."""
        return GLYPHS[self(method)[1]]


def direct_labels(axes: Axes, labels: Iterable[tuple[float, str, tuple[str, str, str]]]) -> None:
    """Names beside the ends of their lines, moved apart where they would lie on each other.

    labels: (height in data units, name, look) each.
    """
    bottom, top = axes.get_ylim()
    scale = axes.transScale.transform
    (_, low), (_, high) = scale([(1.0, bottom), (1.0, top)])
    found = sorted(labels, key=lambda label: label[0])
    heights = [float((scale((1.0, y))[1] - low) / (high - low)) for y, _, _ in found]
    gap = 0.075
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + gap)
    over = max(0.0, heights[-1] - 1.0) if heights else 0.0
    heights = [height - over for height in heights]
    for height, (_, name, (colour, marker, _)) in zip(heights, found, strict=True):
        axes.plot(
            [1.035], [height], marker, color=colour, ms=4, transform=axes.transAxes, clip_on=False
        )
        axes.text(1.06, height, shown(name), transform=axes.transAxes, va="center", fontsize=7.5)


def shades(canvas: Canvas, names: Sequence[str]) -> None:
    """A legend of what the shades of the ink stand for, below the figure."""
    patches = [Patch(color=INK, alpha=SHADES[i % len(SHADES)], lw=0) for i in range(len(names))]
    canvas.legend(
        patches, [shown(name) for name in names], loc="outside lower center", frameon=False,
        ncols=min(5, len(names)), fontsize=7, handlelength=1.0, columnspacing=1.2,
    )  # fmt: skip


def shown(name: str) -> str:
    """A name short and clean enough for a figure."""
    name = printable(" ".join(name.split()))
    return name if len(name) <= 28 else f"{name[:27]}…"


def seed_band(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean over seeds with its 95% percentile bootstrap interval; of one seed, that alone."""
    mean = float(np.mean(values))
    if len(values) < 2 or min(values) == max(values):
        return mean, mean, mean
    found = stats.bootstrap(
        (np.asarray(values, dtype=float),),
        np.mean,
        method="percentile",
        n_resamples=999,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return mean, float(found.low), float(found.high)


def _embedded(svg: str, title: str, name: str) -> str:
    """Matplotlib's file made part of a page: no outside names, own ids, the page's ink and font."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    view = re.search(r'viewBox="([^"]+)"', body)
    body = body[body.index(">") + 1 :]
    body = body.replace("xlink:href", "href").replace(INK, "currentColor")
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body)
    box = view.group(1) if view else "0 0 331 223"
    return f'<svg class="plot" viewBox="{box}" role="img" aria-label="{escape(title)}">{body}'
