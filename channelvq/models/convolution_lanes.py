"""Vector instructions of the convolution: its transforms of six numbers, and its products, in lanes.

Each lane is a channel. LLVM fits the vectors to the machine. The functions work only in code that numba
compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["LANES", "PANEL", "TILE", "backward", "forward", "multiply"]


def _has_avx512() -> bool:
    """Whether numba compiles for a processor with 32 registers of 16 floats."""
    codegen: Any = numba.core.registry.cpu_target.target_context.codegen()
    return "+avx512f" in getattr(codegen, "_tm_features", "").split(",")


LANES = 16
"""Floats of a vector."""
TILE = 8 if _has_avx512() else 4
"""Rows of a product that are made at once: their sums fill the registers, and no more."""
PANEL = LANES * (2 if _has_avx512() else 1)
"""Columns of it."""

_FLOAT = ir.FloatType()
_FLOATS = ir.VectorType(_FLOAT, LANES)
_MULTIPLY_ADD = "llvm.fmuladd.v16f32"  # one rounding where the machine can, two where it cannot


def primitive(function: Callable[..., Any]) -> Any:
    """Make numba know a function by the LLVM code that it writes."""
    return intrinsic(function)


class _Writer:
    """Writes LLVM code for vectors; `at` gives the address of an element of the array args[which]."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        self.builder, self.args = builder, args
        self._data = {
            which: context.make_array(kind)(context, builder, args[which]).data
            for which, kind in enumerate(signature.args)
            if isinstance(kind, numba.types.Array)
        }
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        declare: Any = cgutils.get_or_insert_function
        self._multiply_add = declare(builder.module, kind, _MULTIPLY_ADD)

    def at(self, which: int, place: Any) -> Any:
        return self.builder.gep(self._data[which], [place])

    def place(self, first: Any, step: Any, count: int) -> Any:
        """Give first + count · step."""
        return self.builder.add(first, self.builder.mul(step, step.type(count)))

    def read(self, pointer: Any) -> Any:
        value = self.builder.load(self.builder.bitcast(pointer, _FLOATS.as_pointer()))
        value.align = 4
        return value

    def write(self, value: Any, pointer: Any) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, _FLOATS.as_pointer())).align = 4

    def plus(self, x: Any, y: Any) -> Any:
        return self.builder.fadd(x, y)

    def minus(self, x: Any, y: Any) -> Any:
        return self.builder.fsub(x, y)

    def times_plus(self, x: Any, y: Any, z: Any) -> Any:
        """Give x · y + z; x may be a number."""
        factor = ir.Constant(_FLOATS, [float(x)] * LANES) if isinstance(x, int) else x
        return self.builder.call(self._multiply_add, [factor, y, z])

    def spread(self, pointer: Any) -> Any:
        """Give the number at an address to all lanes."""
        nothing, kind = ir.Constant(_FLOATS, ir.Undefined), ir.IntType(32)
        first = self.builder.insert_element(nothing, self.builder.load(pointer), ir.Constant(kind, 0))
        return self.builder.shuffle_vector(
            first, nothing, ir.Constant(ir.VectorType(kind, LANES), [0] * LANES)
        )


@primitive
def forward(typing: Any, source: Any, first: Any, step: Any, target: Any, place: Any, stride: Any) -> Any:
    """Transform six vectors of `source`, `step` apart from `first` on, to six of `target`.

    The matrix is Bᵀ of F(4, 3): [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]].
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w = _Writer(context, builder, signature, args)
        d = [w.read(w.at(0, w.place(args[1], args[2], i))) for i in range(6)]
        even, odd = w.times_plus(-4, d[2], d[4]), w.times_plus(-4, d[1], d[3])
        near, far = w.minus(d[4], d[2]), w.minus(d[3], d[1])
        made = [
            w.times_plus(4, d[0], w.times_plus(-5, d[2], d[4])),
            w.plus(even, odd),
            w.minus(even, odd),
            w.times_plus(2, far, near),
            w.times_plus(-2, far, near),
            w.times_plus(4, d[1], w.times_plus(-5, d[3], d[5])),
        ]
        for i, vector in enumerate(made):
            w.write(vector, w.at(3, w.place(args[4], args[5], i)))
        return context.get_dummy_value()

    n = numba.types.intp
    return numba.types.void(source, n, n, target, n, n), generate


@primitive
def backward(
    typing: Any, source: Any, first: Any, step: Any, bias: Any, start: Any, target: Any, place: Any,
    stride: Any,
) -> Any:  # fmt: skip
    """Transform six vectors of `source` to four of `target`, and add to each that of `bias` from `start` on.

    The matrix is Aᵀ of F(4, 3): [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1]].
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w = _Writer(context, builder, signature, args)
        m = [w.read(w.at(0, w.place(args[1], args[2], i))) for i in range(6)]
        more = w.read(w.at(3, args[4]))
        near, across = w.plus(m[1], m[2]), w.minus(m[1], m[2])
        far, beyond = w.plus(m[3], m[4]), w.minus(m[3], m[4])
        made = [
            w.plus(w.plus(m[0], near), far),
            w.times_plus(2, beyond, across),
            w.times_plus(4, far, near),
            w.plus(w.times_plus(8, beyond, across), m[5]),
        ]
        for i, vector in enumerate(made):
            w.write(w.plus(vector, more), w.at(5, w.place(args[6], args[7], i)))
        return context.get_dummy_value()

    n = numba.types.intp
    return numba.types.void(source, n, n, bias, n, target, n, n), generate


@primitive
def multiply(
    typing: Any, rows: Any, row: Any, inputs: Any, panels: Any, panel: Any, out: Any, place: Any, outputs: Any
) -> Any:  # fmt: skip
    """Write the product of TILE rows of `inputs` numbers with a panel [inputs, PANEL].

    The rows lie one after the other in `rows` from `row` on, and what comes out `outputs` apart in `out` from
    `place` on. Every sum is made in the order of the inputs.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        w = _Writer(context, builder, signature, args)
        kind, zero = args[1].type, ir.Constant(_FLOATS, [0.0] * LANES)
        make: Any = cgutils.alloca_once
        starts = [w.place(args[1], args[2], r) for r in range(TILE)]
        sums = [[make(builder, _FLOATS) for _ in range(PANEL // LANES)] for _ in range(TILE)]
        for total in (total for row in sums for total in row):
            builder.store(zero, total)
        with cgutils.for_range(builder, args[2], intp=kind) as loop:
            line = w.place(args[4], loop.index, PANEL)
            factors = [w.read(w.at(3, w.place(line, kind(LANES), v))) for v in range(PANEL // LANES)]
            for start, row in zip(starts, sums, strict=True):
                x = w.spread(w.at(0, builder.add(start, loop.index)))
                for factor, total in zip(factors, row, strict=True):
                    builder.store(w.times_plus(x, factor, builder.load(total)), total)
        for r, row in enumerate(sums):
            line = w.place(args[6], args[7], r)
            for v, total in enumerate(row):
                w.write(builder.load(total), w.at(5, w.place(line, kind(LANES), v)))
        return context.get_dummy_value()

    n = numba.types.intp
    return numba.types.void(rows, n, n, panels, n, out, n, n), generate
