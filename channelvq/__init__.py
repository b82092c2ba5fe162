"""Images over noisy channels, and which way of sending gives the best picture.

The public names are imported when they are first used, so that `import channelvq` is quick.

Examples
--------
>>> import channelvq as cvq
>>> cvq.Snr.from_esn0_db(3.0).esn0_db
3.0
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from channelvq.adaptive_link import AdaptiveLink
    from channelvq.errors import BudgetError, UsageError
    from channelvq.images import load_image, save_image
    from channelvq.link import Link, Reception
    from channelvq.snr import Snr

__all__ = [
    "AdaptiveLink",
    "BudgetError",
    "Link",
    "Reception",
    "Snr",
    "UsageError",
    "__version__",
    "load_image",
    "save_image",
]

__version__ = "0.1.0"

_HOME = {
    "AdaptiveLink": "channelvq.adaptive_link",
    "BudgetError": "channelvq.errors",
    "Link": "channelvq.link",
    "Reception": "channelvq.link",
    "Snr": "channelvq.snr",
    "UsageError": "channelvq.errors",
    "load_image": "channelvq.images",
    "save_image": "channelvq.images",
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'channelvq' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, imported or not."""
    return sorted(set(globals()) | set(__all__))
