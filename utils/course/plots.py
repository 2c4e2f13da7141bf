"""One plotting style for the whole course, and figures that carry an alternative text.

The colors are those of Okabe and Ito, which people with every kind of color vision can tell apart; heat maps use matplotlib's
`viridis` (one direction) and `PuOr` (two directions, zero in the middle) for the same reason.
"""

import io
import math

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.ft2font import FT2Font

COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"]
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW = COLORS

STYLE = {
    "axes.prop_cycle": matplotlib.cycler(color=COLORS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.grid": False,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 10,
    "image.cmap": "viridis",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "savefig.facecolor": "white",
}
plt.rcParams.update(STYLE)


def figure(rows: int = 1, columns: int = 1, width: float = 8.0, height: float = 3.2, **options):
    """A figure in the course's style and its axes, as `plt.subplots` returns them. Width and height are in inches."""
    return plt.subplots(rows, columns, figsize=(width, height), **options)


def show(drawn, alt: str) -> None:
    """Displays a figure as a PNG with an alternative text in the output's metadata, and closes it.

    Raises:
        ValueError: the alternative text is missing; a reader who cannot see the figure needs it.
    """
    if not alt or not alt.strip():
        raise ValueError(
            "This figure has no alternative text. Say in one sentence what it shows: plots.show(figure, alt='...')."
        )
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png")
    plt.close(drawn)
    from IPython.display import display

    display({"image/png": buffer.getvalue(), "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


def heatmap(
    axes, matrix, row_labels=None, column_labels=None, colormap: str = "viridis", limits=(None, None), numbers: bool = False
):
    """Draws a matrix (rows, columns) on `axes`, with labels at its sides and, if asked, its numbers in the cells.

    A tensor may be on any device, of any number type and part of a graph. What is not finite (a mask) stays white.
    """
    if hasattr(matrix, "detach"):
        matrix = matrix.detach().cpu().float().numpy()
    image = axes.imshow(matrix, cmap=colormap, vmin=limits[0], vmax=limits[1], aspect="equal")
    for axis, labels in ((axes.yaxis, row_labels), (axes.xaxis, column_labels)):
        if labels is not None:
            axis.set_ticks(range(len(labels)), labels=[readable(label) for label in labels], fontsize=9, parse_math=False)
    if column_labels is not None:
        longest = max((len(str(label)) for label in column_labels), default=0)
        if longest > 3:  # slanted, with the end of each label under its column
            plt.setp(axes.get_xticklabels(), rotation=60, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if numbers:
        for row, values in enumerate(matrix):
            for column, value in enumerate(values):
                axes.text(
                    column, row, f"{float(value):.2f}", ha="center", va="center", fontsize=9, color=_text_color(image, value)
                )
    return image


def tokens(axes, pieces: list[str], per_row: int = 70) -> None:
    """Draws the pieces of a text as boxes in alternating colors, in lines of at most `per_row` characters.

    A space is drawn as a middle dot, a line break as an arrow. A piece longer than a line goes on in the next one.
    """
    column, line, longest = 0.0, 0, per_row - 1
    texts = [(index, readable(piece)) for index, piece in enumerate(pieces)]
    parts = [(index, text[at : at + longest]) for index, text in texts for at in range(0, max(len(text), 1), longest)]
    for index, text in parts:
        width = len(text) + 0.8
        if column and column + width > per_row:
            column, line = 0.0, line + 1
        axes.text(
            column + width / 2,
            -1.5 * line,
            text,
            ha="center",
            va="center",
            fontsize=10,
            family="DejaVu Sans Mono",
            parse_math=False,  # a dollar is a dollar
        )
        color = (SKY, ORANGE, "#BBBBBB")[index % 3]
        axes.add_patch(
            plt.Rectangle((column, -1.5 * line - 0.55), width - 0.12, 1.1, facecolor=color, alpha=0.45, edgecolor="none")
        )
        column += width
    axes.set_xlim(-0.2, per_row)
    axes.set_ylim(-1.5 * line - 0.8, 0.8)
    axes.axis("off")


def colored_tokens(axes, pieces: list[str], values, per_row: int = 95) -> None:
    """Draws the pieces of a text as boxes colored by a value each: purple above zero, orange below, the darker the larger.

    values: as many finite numbers as pieces. The colors run from minus the largest absolute value to plus it.
    Raises ValueError where there are not as many values as pieces.
    """
    values = [float(value) for value in values]
    if len(values) != len(pieces):
        raise ValueError(f"There are {len(pieces)} pieces and {len(values)} values. Give one value for each piece.")
    limit = max(map(abs, values), default=0) or 1
    column, line = 0.0, 0
    for piece, value in zip(pieces, values):
        text = readable(piece)
        if column and column + len(text) > per_row:
            column, line = 0.0, line + 1
        color = matplotlib.colormaps["PuOr"](0.5 + 0.5 * value / limit)
        axes.add_patch(plt.Rectangle((column, -line - 0.4), len(text), 0.8, facecolor=color, alpha=0.75))
        axes.text(
            column + len(text) / 2,
            -line,
            text,
            ha="center",
            va="center",
            fontsize=9,
            family="DejaVu Sans Mono",
            parse_math=False,
            color="white" if abs(value) > 0.85 * limit else "black",
        )
        column += len(text) + 0.15
    axes.set_xlim(-0.5, per_row + 8)
    axes.set_ylim(-line - 0.6, 0.6)
    axes.axis("off")


def intervals(axes, found: dict, special: tuple[str, ...] = (), digits: int = 1) -> None:
    """Draws a row for each name, the first at the bottom: a score, and the line from its interval's low to its high end.

    found: name -> utils.metrics.Interval, or another thing with value, low and high. special: names drawn in a color of
    their own, the first of them black, the second red. The score stands beside the row, in per cent.
    """
    colors = dict(zip(special, (BLACK, VERMILION, GREEN)))
    for row, (name, one) in enumerate(found.items()):
        color = colors.get(name, BLUE)
        axes.plot([one.low, one.high], [row, row], color=color)
        axes.plot(one.value, row, "o", color=color)
        label = f"{one.value:.{digits}%}"
        axes.text(1.01, row, label, va="center", fontsize=9, color=color, transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(found)), labels=list(found))
    axes.set_ylim(-0.6, len(found) - 0.4)


def readable(text) -> str:
    """`text` with white space made visible; what is invisible or not in the figures' fonts becomes U+ and its number."""
    visible = str(text).replace(" ", "·").replace("\n", "↵").replace("\t", "→")
    return "".join(c if c.isprintable() and ord(c) in _drawable() else f"[U+{ord(c):X}]" for c in visible)


def _drawable() -> frozenset[int]:
    """The code points that the figures' fonts have."""
    if not hasattr(_drawable, "cache"):
        fonts = [matplotlib.font_manager.findfont(name) for name in ("DejaVu Sans", "DejaVu Sans Mono")]
        _drawable.cache = frozenset.intersection(*(frozenset(FT2Font(path).get_charmap()) for path in fonts))
    return _drawable.cache


def _text_color(image, value) -> str:
    """Black or white, whichever has the greater contrast (WCAG 2.2) to the color that `image` gives to `value`."""
    if not math.isfinite(value):
        return "black"  # such a cell is drawn as white
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in image.cmap(image.norm(float(value)))[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.179 else "white"
