"""Write results/README.md: where the VQ schemes win, where they lose, by how much, from the finished sweeps.

    python sims/write_results.py [results]

Every number is a paired difference of mean PSNR on the same noise with its 95 % interval, as
`channelvq compare` gives it, or comes from results/kodak_rd. A sweep that is not there is named as missing.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from channelvq.errors import UsageError
from channelvq.sweep.comparison import Row, compare_schemes
from channelvq.sweep.store import Store

RATES = (0.2, 0.35, 0.5, 0.7, 1.0, 1.5)
CODECS = ("jpeg", "jpeg-restart", "jpeg2000", "webp", "jpegxl", "vqvae", "vqvae-ec", "hevc", "avif")


@dataclass(frozen=True)
class Duel:
    """One section: a sweep, what of ours it shows, and what it is held against."""

    folder: str
    title: str
    ours: tuple[str, ...]
    others: tuple[str, ...]


BEST = ("HEVC + LDPC, best", "AVIF + LDPC, best", "JPEG + LDPC, best", "JPEG + RS, best", "DeepJSCC")
FIXED = ("VQ-VAE, uncoded QPSK", "VQ-VAE, protected QPSK")
VQ = ("VQ-VAE, best", "VQ-VAE-EC + LDPC, best", *FIXED)
BITS = ("VQ-VAE, uncoded", "VQ-VAE, protected")
CHAINS = ("HEVC + LDPC 3/4", "HEVC + LDPC 1/2", "JPEG + RS(255,191)", "JPEG-restart + RS(255,191)")
DUELS = (
    Duel("kodak_awgn_1_16", "AWGN, matched: every scheme chosen for the SNR, CBR 1/16", VQ, BEST),
    Duel(
        "kodak_awgn_1_12",
        "AWGN, matched, CBR 1/12",
        ("VQ-VAE-EC + LDPC, best", *FIXED),
        ("HEVC + LDPC, best", "JPEG + LDPC, best", "DeepJSCC"),
    ),
    Duel(
        "kodak_mismatch",
        "AWGN, mismatched: designed for 7 dB, met by 1 to 13 dB, CBR 1/16",
        ("VQ-VAE for 7 dB", "VQ-VAE, uncoded QPSK, context", "VQ-VAE, protected QPSK"),
        ("HEVC + LDPC for 7 dB", "JPEG + RS for 7 dB", "DeepJSCC, told 7 dB"),
    ),
    Duel(
        "kodak_rayleigh_block",
        "Block Rayleigh fading, one gain a picture, unknown to the sender, CBR 1/16",
        ("VQ-VAE, best", *FIXED),
        ("HEVC + LDPC, best", "JPEG + RS, best", "DeepJSCC"),
    ),
    Duel(
        "kodak_rayleigh_csi",
        "Block Rayleigh fading, one gain a picture, known to the sender, CBR 1/16",
        ("VQ-VAE, CSI", "VQ-VAE-EC + LDPC, CSI", "VQ-VAE, no CSI"),
        ("HEVC + LDPC, CSI", "JPEG + RS, CSI", "HEVC + LDPC, no CSI"),
    ),
    Duel("kodak_bursts", "Bursts of bit errors, half a bit per pixel", BITS, CHAINS),
    Duel("kodak_packet_duel", "Lost packets, half a bit per pixel", BITS, CHAINS),
    Duel(
        "kodak_bsc",
        "Wrong bits (BSC), half a bit per pixel: what the receiver and the codec's own protection save",
        ("context", "context, protected", "context, protected more"),
        ("none", "soft", "soft, protected", "context"),
    ),
    Duel(
        "kodak_packets",
        "Lost packets, half a bit per pixel: what the receiver and the codec's own protection save",
        ("context", "context, protected"),
        ("neighbour", "soft", "context"),
    ),
)


def main() -> None:
    """Write the page."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    parts = [HEAD, rates(root / "kodak_rd"), *(section(root, duel) for duel in DUELS)]
    (root / "README.md").write_text("\n".join(parts), encoding="utf-8")


HEAD = """\
# What the VQ schemes win and lose

Written by `python sims/write_results.py` from the sweeps of `make results`; nothing here is typed by hand.
Each cell is the difference of mean PSNR in dB, ours minus the other's, with its 95 % interval (paired: same
pictures, same noise): what the channel's randomness leaves open for these pictures, as far as failures were
seen (an interval without width: no noise reached the picture). A receiver that cannot decode shows grey and
is scored as such, which makes differences of 10 dB and more. **Bold**: ours is better; *italic*: ours is
worse (95 % for a whole row together, Holm); plain: undecided. Schemes called "best" took code and
modulation for each SNR as `channelvq tune` chose them on other pictures (gb82), never on Kodak. Which
commit, weights and machine made a sweep is in the `provenance.json` beside it.
"""


def rates(folder: Path) -> str:
    """Make the table of clean quality over all paid bits."""
    lines = ["## Without a channel: PSNR in dB of Kodak over bits per pixel, all paid bits\n"]
    lines.append("| codec | " + " | ".join(f"{rate:g}" for rate in RATES) + " |")
    lines.append("| --- |" + " ---: |" * len(RATES))
    missing = []
    for codec in CODECS:
        file = folder / f"{codec}.json"
        if not file.is_file():
            missing.append(codec)
            continue
        points = {point["bpp_target"]: point for point in json.loads(file.read_text())["points"]}
        cells = [_rate_cell(points.get(rate)) for rate in RATES]
        lines.append(f"| `{codec}` | " + " | ".join(cells) + " |")
    if missing:
        lines.append(f"\nNot measured: {', '.join(missing)}.")
    return "\n".join(lines) + "\n"


def _rate_cell(point: dict[str, float] | None) -> str:
    """Quality, and the rate that was used where a codec left more than 2 % of it unused."""
    if point is None or point["psnr_db"] is None:
        return ""
    used = f" ({point['bpp']:.2f} used)" if point["bpp"] < 0.98 * point["bpp_target"] else ""
    return f"{point['psnr_db']:.2f}{used}"


def section(root: Path, duel: Duel) -> str:
    """Make the tables of one sweep."""
    lines = [f"## {duel.title}\n"]
    try:
        with Store(root / duel.folder) as store:
            lines.append(f"![{duel.title}]({duel.folder}/figure.png)\n")
            for ours in duel.ours:
                lines += _against(store, ours, duel.others)
    except UsageError as error:
        lines.append(f"Not there: {error}.\n")
    return "\n".join(lines)


def _against(store: Store, ours: str, others: tuple[str, ...]) -> list[str]:
    """Make the table of one scheme of ours against the others."""
    rows = {other: compare_schemes(store, ours, other).rows for other in others if other != ours}
    points = [row.point.label for row in next(iter(rows.values()))]
    lines = [f"**{ours}** minus", ""]
    lines.append("| | " + " | ".join(points) + " |")
    lines.append("| --- |" + " ---: |" * len(points))
    lines += [f"| {other} | " + " | ".join(map(_cell, found)) + " |" for other, found in rows.items()]
    return [*lines, "", _verdict(ours, rows), ""]


def _cell(row: Row) -> str:
    apart = row.difference
    if apart.value is None or apart.low is None or apart.high is None:
        return "not simulated"
    text = f"{apart.value:+.2f}"
    mark = {"first": "**", "second": "*"}.get(row.winner, "")
    return f"{mark}{text}{mark} [{apart.low:+.2f}, {apart.high:+.2f}]"


def _verdict(ours: str, rows: dict[str, tuple[Row, ...]]) -> str:
    """Count wins and losses in words."""
    texts = []
    for other, found in rows.items():
        wins = [row.point.label for row in found if row.winner == "first"]
        losses = [row.point.label for row in found if row.winner == "second"]
        texts.append(f"{other}: better at {_listed(wins, found)}, worse at {_listed(losses, found)}")
    return f"{ours} against " + "; ".join(texts) + "."


def _listed(labels: list[str], found: tuple[Row, ...]) -> str:
    if len(labels) == len(found):
        return "every point"
    return ", ".join(labels) or "none"


if __name__ == "__main__":
    main()
