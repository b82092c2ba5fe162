"""The card that goes with weights: what they are, what they come from, how good they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

__all__ = ["write_card"]


def write_card(weights: Path, about: dict[str, Any]) -> Path:
    """Write `NAME.md` beside `NAME.safetensors` from what its training wrote down."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    health, codes, recipe = about["validation"], about["codes"], about["recipe"]
    photos = about["photos"]
    rows = [
        "| stage | indices sent | codes used | perplexity |",
        "|---|---|---|---|",
        *(
            f"| {stage} | {sent:.0f} | {100 * used:.1f} % | {perplexity:.0f} |"
            for stage, (sent, used, perplexity) in enumerate(
                zip(codes["sent"], codes["used"], codes["perplexity"], strict=True), start=1
            )
        ),
    ]
    psnr = ", ".join(f"{value:.2f} dB at {rate} bpp" for rate, value in health["psnr_db"].items())
    text = f"""# {weights.stem}

Weights of the `vqvae` codec: KLT path and residual networks, residual vector quantizer, index labels,
priors of the indices, tables of the depth map.

- file: `{weights.name}`, {weights.stat().st_size / 1e6:.1f} MB, half precision (the KLT in single)
- SHA-256: `{digest}`; streams carry its first 16 digits
- data: {photos["train"]} training and {photos["val"]} validation photographs (short side 512, JPEG quality
  92, CC0, CC BY, CC BY-SA, GPL, public domain and Unsplash sources); Kodak was never used
- command: `channelvq train sims/train_vqvae.toml --images DIR`
- commit: {about["commit"]}; steps: {about["steps"]}; time: {about["hours"]} h; hardware:
  {about["hardware"]}, {about["precision"]}
- validation PSNR (middle 256×256 of each validation photograph, index bits only): {psnr}
- licence: Apache-2.0

## Health of the codebooks

Counted over whole training photographs at twelve prices of a bit, from the recipe's lowest to its highest.

{chr(10).join(rows)}

## Recipe

```json
{json.dumps(recipe, indent=2)}
```
"""
    path = weights.with_suffix(".md")
    path.write_text(text, encoding="utf-8")
    return path
