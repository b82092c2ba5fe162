"""Which panels a sweep's figure has: what was measured, and what there is to see of it."""

from __future__ import annotations

from dataclasses import dataclass

from channelvq.report.axis import Axis, axis_of
from channelvq.report.lines import Line, bound_lines, left_out, published_lines
from channelvq.report.table import trial_count
from channelvq.sweep.stopping import PSNR_CAP_DB
from channelvq.sweep.summary import Results

__all__ = ["Panel", "Picture", "footnotes", "picture_of"]


@dataclass(frozen=True)
class Panel:
    """A panel.

    Attributes
    ----------
    measure : str
        What it is of: "psnr_db", "ssim", "ms_ssim" or "outage".
    label : str
        What is up its side, with its unit.
    """

    measure: str
    label: str

    @property
    def short(self) -> str:
        """The label without what a caption explains.

        Examples
        --------
        >>> Panel("outage", "outage (receivers that show grey)").short, Panel("psnr_db", "PSNR (dB)").short
        ('outage', 'PSNR (dB)')
        """
        return "outage" if self.measure == "outage" else self.label


_PANELS = (Panel("psnr_db", "PSNR (dB)"), Panel("ssim", "SSIM"), Panel("ms_ssim", "MS-SSIM"))
_OUTAGE = Panel("outage", "outage (receivers that show grey)")


@dataclass(frozen=True)
class Picture:
    """All that a figure shows, however it is drawn.

    Attributes
    ----------
    results : Results
        The sweep.
    axis : Axis
        Where its points lie.
    panels : tuple of Panel
        PSNR and SSIM; MS-SSIM where the images have one, outage where a receiver failed.
    lines : tuple of Line
        Bounds and curves of others.
    left_out : tuple of str
        Which of those that the spec asks for are not drawn, and why.
    """

    results: Results
    axis: Axis
    panels: tuple[Panel, ...]
    lines: tuple[Line, ...]
    left_out: tuple[str, ...]


def picture_of(results: Results) -> Picture:
    """Settle what a sweep's figure shows."""
    axis = axis_of(results.spec)
    means = [summary.means for summary in results.summaries]
    panels = [
        panel
        for panel in _PANELS
        if panel.measure != "ms_ssim" or any(m["ms_ssim"].value is not None for m in means)
    ]
    if any(summary.outage.events for summary in results.summaries):
        panels.append(_OUTAGE)
    lines = (*bound_lines(results, axis), *published_lines(results))
    return Picture(results, axis, tuple(panels), lines, tuple(left_out(results, lines)))


def footnotes(picture: Picture) -> list[str]:
    """Say what a reader needs to know to trust the figure; a paragraph each."""
    results = picture.results
    spec = results.spec
    images = f"{len(results.images)} image{'s' if len(results.images) != 1 else ''}"
    text = f"Mean over {images}, {trial_count(results)}; bars: 95 % over the channel's randomness, thin"
    text += " where owed to what was never seen."
    failed = any(panel.measure == "outage" for panel in picture.panels)
    if failed:
        text += " ↓: no failure seen, outage is below."
    text += f" CBR {spec.cbr}{_modulation(results)}."
    notes = [text]
    if failed:
        notes.append("Hollow marker: some receivers could not decode; their grey is scored like any picture.")
    elif most := max((s.outage.high or 0.0 for s in results.summaries if s.outage.units), default=0.0):
        notes.append(f"No receiver failed at any point: outage is below {100 * most:.2g} % at each (95 %).")
    if capped := sum(summary.capped for summary in results.summaries):
        notes.append(f"{capped} trials above {PSNR_CAP_DB:g} dB (identical pictures, say) count as that.")
    return [*notes, *_on_lines(picture.lines), *(f"The {text}." for text in picture.left_out)]


def _on_lines(lines: tuple[Line, ...]) -> list[str]:
    """Say what lines that were not simulated are."""
    notes = []
    if any(line.kind == "bound" for line in lines):
        notes.append(
            "Bound: the codec's clean rate-distortion at the rate that theory allows; not simulated."
        )
    printed = any(line.kind == "published" and not line.error for line in lines)
    if errors := sorted({line.error for line in lines if line.kind == "published" and line.error}):
        text = f"‡ Figures of others, read off a plot by eye (±{', ±'.join(f'{e:g}' for e in errors)})"
        text += ", † printed in their source" if printed else ""
        notes.append(f"{text}; nothing of it was simulated here.")
    elif printed:
        notes.append("† Figures of others, printed in their source; nothing of it was simulated here.")
    return notes


def _modulation(results: Results) -> str:
    """Name the modulation, if it is the same everywhere."""
    spec = results.spec
    names = {scheme.at(point).modulation for scheme in spec.schemes for point in spec.points}
    return f", {names.pop().upper()}" if len(names) == 1 and "none" not in names else ""
