"""The order in which a polar decoder goes through the tree of its code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["COMBINE", "FREE", "FROZEN", "PARITY", "REPETITION", "F", "G", "program"]

Ints = npt.NDArray[np.int32]

F, G, COMBINE, FROZEN, REPETITION, FREE, PARITY = range(7)
"""What a step does; the last four are whole subtrees decided at once."""


def program(frozen: npt.NDArray[np.bool_]) -> Ints:
    """Unroll the tree of a code into steps [steps, 3]: what, log2 of the node's size, its first position.

    Parameters
    ----------
    frozen : ndarray of bool [N]
        Which inputs are frozen.

    Examples
    --------
    >>> program(np.array([True, True, True, False, True, False, False, False]))
    array([[0, 3, 0], [4, 2, 0], [1, 3, 0], [6, 2, 4], [2, 3, 0]], dtype=int32)
    """
    steps: list[tuple[int, int, int]] = []

    def visit(log: int, start: int) -> None:
        leaves = frozen[start : start + (1 << log)]
        if leaves.all():
            steps.append((FROZEN, log, start))
        elif leaves[:-1].all():
            steps.append((REPETITION, log, start))
        elif not leaves.any():
            steps.append((FREE, log, start))
        elif leaves[0] and not leaves[1:].any():
            steps.append((PARITY, log, start))
        else:
            steps.append((F, log, start))
            visit(log - 1, start)
            steps.append((G, log, start))
            visit(log - 1, start + (1 << (log - 1)))
            steps.append((COMBINE, log, start))

    visit(int(frozen.size).bit_length() - 1, 0)
    return np.array(steps, np.int32)
