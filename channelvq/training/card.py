"""The card that goes with weights: what they are, what they come from, how good they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["codebook_table", "write_card"]

_VQVAE = """\
Weights of the `vqvae` codec: KLT path and residual networks, residual vector quantizer, index labels,
priors of the indices, tables of the depth map."""
_PHOTOS = """\
photographs (short side 512, JPEG quality
  92, CC0, CC BY, CC BY-SA, GPL, public domain and Unsplash sources); Kodak was never used"""
_COMMAND = "channelvq train sims/train_vqvae.toml --images DIR"
_VALIDATED_ON = "middle 256×256 of each validation photograph, index bits only"
_COUNTED_OVER = """\
whole training photographs at twelve prices of a bit, from the recipe's lowest to its highest"""
_LICENCE = "Apache-2.0"


def write_card(weights: Path, about: Mapping[str, Any], what: str = _VQVAE) -> Path:
    """Write `NAME.md` beside `NAME.safetensors` from what its training wrote down.

    Parameters
    ----------
    weights : Path
        The file.
    about : dict
        What the file's metadata say, of any kind of weights: `steps`, `hours`, `hardware`, `precision`,
        `commit`; and as far as they are there `photos` (numbers of "train" and "val") or `data` (text),
        `command`, `throughput` and `memory` (text), `validation` with `psnr_db` (values by bpp, or by what
        the key says), `validated_on` (text), `codes` (see `codebook_table`), `counted_over` (text) and
        `recipe`.
    what : str
        What the weights are of.

    Returns
    -------
    Path
        Of the card.
    """
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    facts = [
        f"file: `{weights.name}`, {weights.stat().st_size / 1e6:.1f} MB",
        f"SHA-256: `{digest}`; streams carry its first 16 digits",
        f"data: {_data(about)}",
        f"command: `{about.get('command', _COMMAND)}`",
        f"commit: {about['commit']}; steps: {about['steps']}; time: {about['hours']} h; hardware:\n"
        f"  {about['hardware']}, {about['precision']}",
    ]
    facts += [f"{key}: {about[key]}" for key in ("throughput", "memory") if key in about]
    if psnr := about.get("validation", {}).get("psnr_db"):
        values = ", ".join(f"{value:.2f} dB at {_rate(where)}" for where, value in psnr.items())
        facts.append(f"validation PSNR ({about.get('validated_on', _VALIDATED_ON)}): {values}")
    facts.append(f"licence: {_LICENCE}")
    parts = [f"# {weights.stem}", what, "\n".join(f"- {fact}" for fact in facts)]
    if codes := about.get("codes"):
        parts += [
            "## Health of the codebooks",
            f"Counted over {about.get('counted_over', _COUNTED_OVER)}.",
            codebook_table(codes),
        ]
    if bits := about.get("bits_per_index"):
        parts += ["## Bits an index takes, stage by stage", _bits(bits)]
    if how := about.get("how_this_run_went"):
        parts += ["## How this run went", str(how)]
    if decoder := about.get("decoder"):
        parts += ["## The decoder, tuned afterwards", _later(decoder)]
    if recipe := about.get("recipe"):
        parts += ["## Recipe", f"```json\n{json.dumps(recipe, indent=2)}\n```"]
    path = weights.with_suffix(".md")
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def codebook_table(codes: Mapping[str, Any]) -> str:
    """Write use and perplexity of every stage as a Markdown table.

    Examples
    --------
    >>> print(codebook_table({"sent": [1200.0], "used": [0.995], "perplexity": [400.2]}))
    | stage | indices sent | codes used | perplexity |
    |---|---|---|---|
    | 1 | 1200 | 99.5 % | 400 |
    """
    columns = zip(codes["sent"], codes["used"], codes["perplexity"], strict=True)
    rows = ["| stage | indices sent | codes used | perplexity |", "|---|---|---|---|"]
    for stage, (sent, used, perplexity) in enumerate(columns, start=1):
        rows.append(f"| {stage} | {sent:.0f} | {100 * used:.1f} % | {perplexity:.0f} |")
    return "\n".join(rows)


def _bits(bits: Sequence[float]) -> str:
    """Tell what the prior makes of each stage, over photographs that it was not trained on."""
    values = ", ".join(f"{value:.2f}" for value in bits)
    return f"Coded in order, everything before an index known (validation photographs, all prices): {values}."


def _later(about: Mapping[str, Any]) -> str:
    """Tell of a run that went on from finished weights."""
    went = about.get("how_this_run_went")
    facts = [
        f"from: weights {about['from']}, whose indices it reads",
        f"command: `{about['command']}`",
        f"commit: {about['commit']}; steps: {about['steps']}; time: {about['hours']} h; hardware:\n"
        f"  {about['hardware']}",
        *([f"how it went: {went}"] if went else []),
    ]
    recipe = json.dumps(about["recipe"], indent=2)
    return "\n".join(f"- {fact}" for fact in facts) + f"\n\n```json\n{recipe}\n```"


def _rate(where: str) -> str:
    """Say at which rate, if a key is only a number."""
    return f"{where} bpp" if where.replace(".", "", 1).isdigit() else where


def _data(about: Mapping[str, Any]) -> str:
    if "data" in about:
        return str(about["data"])
    photos = about["photos"]
    return f"{photos['train']} training and {photos['val']} validation {_PHOTOS}"
