"""Figure of the codebooks compared: PSNR, use and perplexity of each variant, stage by stage."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from channelvq.report.files import whole_file
from channelvq.report.style import COLOURS, MARKERS, RC
from channelvq.training.ablation import AblationRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_ablation", "save_ablation"]

PNG_DPI = 200


def draw_ablation(rows: list[AblationRow], title: str) -> Figure:
    """Draw a line for each variant: PSNR after one stage and after all, use and perplexity of every stage.

    Bars are 95 % intervals over the seeds.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row.variant for row in rows))
    last = max(row.stages for row in rows)
    with mpl.rc_context(RC):
        figure = Figure(figsize=(9.6, 1.6 + 0.3 * len(names)), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True, width_ratios=(1.5, 1, 1))
        _draw(panels[0], rows, names, "psnr_db", sorted({1, last}))
        _draw(panels[1], rows, names, "used", range(1, last + 1))
        _draw(panels[2], rows, names, "perplexity", range(1, last + 1))
        panels[0].set_xlabel("PSNR (dB) after the stage")
        panels[1].set_xlabel("share of the stage's codes used")
        panels[2].set_xlabel("perplexity of the stage")
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(len(names) - 0.5, -0.5)
        handles, labels = panels[1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=last, frameon=False)
        figure.suptitle(title, fontsize=10.5)
    return figure


def save_ablation(rows: list[AblationRow], title: str, folder: Path) -> None:
    """Write `figure.png` and `figure.svg` in `folder`."""
    import matplotlib as mpl

    figure = draw_ablation(rows, title)
    metadata = {"png": {"Software": None}, "svg": {"Date": None}}  # the same rows give the same file
    with mpl.rc_context(RC):
        for kind in ("png", "svg"):
            with whole_file(folder / f"figure.{kind}") as temporary:
                figure.savefig(temporary, format=kind, dpi=PNG_DPI, metadata=metadata[kind])


def _draw(axes: Axes, rows: list[AblationRow], names: list[str], field: str, stages: Iterable[int]) -> None:
    """Draw one quantity; stages lie a little above one another."""
    shown = list(stages)
    for number, stage in enumerate(shown):
        chosen = [row for row in rows if row.stages == stage]
        x = [getattr(row, field) for row in chosen]
        below = [getattr(row, field) - getattr(row, f"{field}_low") for row in chosen]
        above = [getattr(row, f"{field}_high") - getattr(row, field) for row in chosen]
        shift = 0.5 * (number + 0.5) / len(shown) - 0.25 if field != "psnr_db" else 0.0
        axes.errorbar(
            x,
            [names.index(row.variant) + shift for row in chosen],
            xerr=[below, above],
            linestyle="none",
            marker=MARKERS[(stage - 1) % len(MARKERS)],
            color=COLOURS[(stage - 1) % len(COLOURS)],
            markersize=4.5,
            elinewidth=1.1,
            capsize=2,
            label=f"stage {stage}",
        )
    if field != "psnr_db":
        axes.set_xlim(left=0)
