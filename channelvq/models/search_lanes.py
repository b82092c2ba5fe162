"""Vector instructions of the search for codes: products of rows with codes and comparisons, in lanes.

Every score is summed in one fixed order, dimension after dimension, whatever the tile that it falls into: so
a result depends neither on the number of threads nor on how rows are grouped, which a BLAS does not promise.
It is quicker here than a BLAS, too, since scores need not leave the registers. LLVM fits the vectors to the
machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = [
    "LANES",
    "PANEL",
    "TILE",
    "WIDE",
    "above",
    "copy",
    "fetch",
    "how_many",
    "leave",
    "lessen",
    "lowest_bit",
    "nearest_tile",
    "peaks",
    "score_tile",
]


def _has_avx512() -> bool:
    """Whether numba compiles for a processor with 32 registers of 16 floats."""
    codegen: Any = numba.core.registry.cpu_target.target_context.codegen()
    return "+avx512f" in getattr(codegen, "_tm_features", "").split(",")


LANES = 16
"""Floats of a vector."""
TILE = 8 if _has_avx512() else 4
"""Rows of a tile: its sums fill the registers, and no more."""
PANEL = 32 if _has_avx512() else 16
"""Codes of a tile, which lie together, dimension by dimension."""
WIDE = 64
"""Scores that are compared at once."""

_INT, _FLOAT, _BYTE = ir.IntType(32), ir.FloatType(), ir.IntType(8)
_FLOATS, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)
_SCORES = ir.VectorType(_FLOAT, WIDE)
_LINE = 64  # bytes of a line of the cache

_n: Any = numba.types.intp
_real: Any = numba.types.float32


def _operation(function: Callable[..., Any]) -> Any:
    """Make an operation of kernels of a function that gives its type and writes its instructions."""
    return intrinsic(function)


class _Writer:
    """What writes the instructions of one operation: LLVM's builder, and the operation's arguments."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        self.context, self.builder, self.signature, self.args = context, builder, signature, args

    def number(self, value: int) -> Any:
        """Index that is a constant."""
        return ir.Constant(cgutils.intp_t, value)

    def plus(self, place: Any, steps: int, size: Any = None) -> Any:
        """Index `steps` · `size` (or 1) after `place`."""
        far = self.number(steps) if size is None else self.builder.mul(size, self.number(steps))
        return self.builder.add(place, far)

    def address(self, which: int, place: Any, kind: Any) -> Any:
        """Pointer to element `place` of the contiguous array args[which], as one to `kind`."""
        array = self.context.make_array(self.signature.args[which])(
            self.context, self.builder, self.args[which]
        )
        return self.builder.bitcast(self.builder.gep(array.data, [place]), kind.as_pointer())

    def read(self, which: int, place: Any, kind: Any) -> Any:
        """Vector at an element of args[which]."""
        value = self.builder.load(self.address(which, place, kind))
        value.align = 4
        return value

    def write(self, value: Any, which: int, place: Any) -> None:
        """Put a vector at an element of args[which]."""
        self.builder.store(value, self.address(which, place, value.type)).align = 4

    def spread(self, value: Any, kind: Any) -> Any:
        """Vector of one value everywhere."""
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(_INT, 0))
        zeros = ir.Constant(ir.VectorType(_INT, kind.count), [0] * kind.count)
        return self.builder.shuffle_vector(first, nothing, zeros)

    def function(self, name: str, result: Any, *kinds: Any) -> Any:
        """Intrinsic function of LLVM."""
        module = self.builder.module
        return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, kinds), name)

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        """Write x · y + z: one rounding where the machine can, two where it cannot."""
        name = "llvm.fmuladd.v16f32"
        return self.builder.call(self.function(name, _FLOATS, _FLOATS, _FLOATS, _FLOATS), [x, y, z])

    def prefetch(self, which: int, place: Any) -> None:
        """Have the memory fetch the line of an element of args[which] for later."""
        pointer = _BYTE.as_pointer()
        call = self.function("llvm.prefetch.p0i8", ir.VoidType(), pointer, _INT, _INT, _INT)
        numbers = [ir.Constant(_INT, value) for value in (0, 3, 1)]  # to read, to keep, data
        self.builder.call(call, [self.address(which, place, _BYTE), *numbers])

    def variable(self, kind: Any, value: Any = None) -> Any:
        """Pointer to a variable, which LLVM keeps in a register."""
        pointer = cgutils.alloca_once(self.builder, kind)  # type: ignore[no-untyped-call]
        if value is not None:
            self.builder.store(value, pointer)
        return pointer

    def nothing(self) -> Any:
        """Give the result of an operation that has none."""
        return self.context.get_dummy_value()

    def products(self) -> list[list[Any]]:
        """Scores of a tile, [TILE][PANEL / LANES] vectors; for the first seven arguments see `score_tile`."""
        builder, dim = self.builder, self.args[2]
        rows = [self.address(0, self.plus(self.args[1], r, dim), _FLOAT) for r in range(TILE)]
        panel = self.address(3, self.args[4], _FLOAT)
        vectors = range(PANEL // LANES)
        sums = [[self.variable(_FLOATS) for _ in vectors] for _ in rows]
        for v in vectors:
            first = self.read(5, self.plus(self.args[6], v * LANES), _FLOATS)
            for total in sums:
                builder.store(first, total[v])
        with cgutils.for_range(builder, dim, intp=dim.type) as loop:
            place = builder.mul(loop.index, self.number(PANEL))
            codes = []
            for v in vectors:
                pointer = builder.gep(panel, [self.plus(place, v * LANES)])
                codes.append(builder.load(builder.bitcast(pointer, _FLOATS.as_pointer())))
                codes[-1].align = 4
            for row, total in zip(rows, sums, strict=True):
                x = self.spread(builder.load(builder.gep(row, [loop.index])), _FLOATS)
                for v in vectors:
                    builder.store(self.multiply_add(x, codes[v], builder.load(total[v])), total[v])
        return [[builder.load(part) for part in total] for total in sums]


@_operation
def score_tile(
    typing: Any, rows: Any, row: Any, dim: Any, panels: Any, panel: Any, bias: Any, code: Any, out: Any,
    place: Any, stride: Any,
) -> Any:  # fmt: skip
    """Write bias + <row, code> of TILE rows and PANEL codes.

    `rows` from `row` on holds [TILE, dim], `panels` from `panel` on [dim, PANEL], `bias` from `code` on the
    PANEL numbers to begin with; row r goes to `out` from `place` + r · `stride` on.
    """

    def generate(*given: Any) -> Any:
        w = _Writer(*given)
        for r, vectors in enumerate(w.products()):
            start = w.plus(w.args[8], r, w.args[9])
            for v, vector in enumerate(vectors):
                w.write(vector, 7, w.plus(start, v * LANES))
        return w.nothing()

    return numba.types.void(rows, _n, _n, panels, _n, bias, _n, out, _n, _n), generate


@_operation
def nearest_tile(
    typing: Any, rows: Any, row: Any, dim: Any, panels: Any, panel: Any, bias: Any, code: Any, best: Any,
    chosen: Any, place: Any, first: Any,
) -> Any:  # fmt: skip
    """Compare the scores of a tile with the best so far in each lane; see `score_tile`.

    `best` and `chosen` from `place` on hold [TILE, LANES] scores and the codes that have them; the tile's
    codes are numbered from `first` on.
    """

    def generate(*given: Any) -> Any:
        w = _Writer(*given)
        lanes = ir.Constant(_INTS, list(range(LANES)))
        first = w.builder.add(w.spread(w.builder.trunc(w.args[10], _INT), _INTS), lanes)
        for r, vectors in enumerate(w.products()):
            where = w.plus(w.args[9], r * LANES)
            most, names = w.read(7, where, _FLOATS), w.read(8, where, _INTS)
            for v, vector in enumerate(vectors):
                more = w.builder.fcmp_ordered(">", vector, most)  # of equals the first stays
                most = w.builder.select(more, vector, most)
                here = w.builder.add(first, ir.Constant(_INTS, [v * LANES] * LANES))
                names = w.builder.select(more, here, names)
            w.write(most, 7, where)
            w.write(names, 8, where)
        return w.nothing()

    return numba.types.void(rows, _n, _n, panels, _n, bias, _n, best, chosen, _n, _n), generate


def _difference(w: _Writer, place: Any) -> Any:
    """WIDE scores base - row, `place` after args[1] of args[0] and after args[3] of args[2]."""
    base, row = (w.read(a, w.builder.add(w.args[a + 1], place), _SCORES) for a in (0, 2))
    return w.builder.fsub(base, row)


def _fetch_ahead(w: _Writer, which: int, place: Any) -> None:
    """Fetch the WIDE floats of args[which] from `place` on."""
    for line in range(0, 4 * WIDE, _LINE):
        w.prefetch(which, w.plus(place, line // 4))


@_operation
def above(
    typing: Any, base: Any, at: Any, table: Any, row: Any, lead: Any, least: Any, ahead: Any
) -> Any:  # fmt: skip
    """Tell which of WIDE scores (base - table) + lead are at least `least`: a mask, the first the lowest bit.

    They are at `at` and `row`; meanwhile those of the table from `ahead` on are fetched.
    """

    def generate(*given: Any) -> Any:
        w = _Writer(*given)
        _fetch_ahead(w, 2, w.args[6])
        scores = w.builder.fadd(_difference(w, w.number(0)), w.spread(w.args[4], _SCORES))
        enough = w.builder.fcmp_ordered(">=", scores, w.spread(w.args[5], _SCORES))
        return w.builder.bitcast(enough, ir.IntType(WIDE))

    return numba.types.uint64(base, _n, table, _n, _real, _real, _n), generate


@_operation
def lessen(typing: Any, base: Any, at: Any, table: Any, row: Any, out: Any, count: Any, ahead: Any) -> Any:
    """Write base - table, `count` numbers (a multiple of WIDE), to `out`; see `above`."""

    def generate(*given: Any) -> Any:
        w = _Writer(*given)
        steps = w.builder.udiv(w.args[5], w.number(WIDE))
        with cgutils.for_range(w.builder, steps, intp=steps.type) as loop:
            place = w.builder.mul(loop.index, w.number(WIDE))
            _fetch_ahead(w, 2, w.builder.add(w.args[6], place))
            w.write(_difference(w, place), 4, place)
        return w.nothing()

    return numba.types.void(base, _n, table, _n, out, _n, _n), generate


@_operation
def peaks(typing: Any, base: Any, at: Any, table: Any, row: Any, out: Any, count: Any) -> Any:
    """Write the largest of every WIDE-th of `count` scores base - table to `out` [WIDE]; see `lessen`."""

    def generate(*given: Any) -> Any:
        w = _Writer(*given)
        steps = w.builder.udiv(w.args[5], w.number(WIDE))
        most = w.variable(_SCORES, ir.Constant(_SCORES, [-float("inf")] * WIDE))
        with cgutils.for_range(w.builder, steps, intp=steps.type) as loop:
            score = _difference(w, w.builder.mul(loop.index, w.number(WIDE)))
            old = w.builder.load(most)
            more = w.builder.fcmp_ordered(">", score, old)
            w.builder.store(w.builder.select(more, score, old), most)
        w.write(w.builder.load(most), 4, w.number(0))
        return w.nothing()

    return numba.types.void(base, _n, table, _n, out, _n), generate


@_operation
def how_many(typing: Any, scores: Any, least: Any) -> Any:
    """Count which of WIDE scores are at least `least`."""

    def generate(*given: Any) -> Any:
        w = _Writer(*given)
        least = w.spread(w.args[1], _SCORES)
        enough = w.builder.fcmp_ordered(">=", w.read(0, w.number(0), _SCORES), least)
        return w.builder.ctpop(w.builder.bitcast(enough, ir.IntType(WIDE)))

    return numba.types.int64(scores, _real), generate


@_operation
def lowest_bit(typing: Any, mask: Any) -> Any:
    """Place of the lowest bit that is 1 of a mask that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return numba.types.int64(numba.types.uint64), generate


@_operation
def fetch(typing: Any, array: Any, place: Any, count: Any) -> Any:
    """Have the memory fetch `count` floats of an array from `place` on, a multiple of LANES, for later."""

    def generate(*given: Any) -> Any:
        w = _Writer(*given)
        lines = w.builder.udiv(w.args[2], w.number(_LINE // 4))
        with cgutils.for_range(w.builder, lines, intp=lines.type) as loop:
            w.prefetch(0, w.builder.add(w.args[1], w.builder.mul(loop.index, w.number(_LINE // 4))))
        return w.nothing()

    return numba.types.void(array, _n, _n), generate


@_operation
def copy(typing: Any, array: Any, place: Any, out: Any, at: Any, count: Any) -> Any:
    """Copy `count` floats, a multiple of LANES."""

    def generate(*given: Any) -> Any:
        w = _Writer(*given)
        steps = w.builder.udiv(w.args[4], w.number(LANES))
        with cgutils.for_range(w.builder, steps, intp=steps.type) as loop:
            k = w.builder.mul(loop.index, w.number(LANES))
            value = w.read(0, w.builder.add(w.args[1], k), _FLOATS)
            w.write(value, 2, w.builder.add(w.args[3], k))
        return w.nothing()

    return numba.types.void(array, _n, out, _n, _n), generate


@_operation
def leave(
    typing: Any, rest: Any, at: Any, books: Any, code: Any, out: Any, place: Any, dim: Any
) -> Any:  # fmt: skip
    """Write `rest` from `at` on less the code vector from `code` on to `out`; return the squared norm.

    `dim` is a multiple of LANES. The squares are summed lane by lane, then the lanes by halves.
    """

    def generate(*given: Any) -> Any:
        w = _Writer(*given)
        total = w.variable(_FLOATS, ir.Constant(_FLOATS, [0.0] * LANES))
        steps = w.builder.udiv(w.args[6], w.number(LANES))
        with cgutils.for_range(w.builder, steps, intp=steps.type) as loop:
            k = w.builder.mul(loop.index, w.number(LANES))
            rest, code = (w.read(a, w.builder.add(w.args[a + 1], k), _FLOATS) for a in (0, 2))
            left = w.builder.fsub(rest, code)
            w.write(left, 4, w.builder.add(w.args[5], k))
            w.builder.store(w.multiply_add(left, left, w.builder.load(total)), total)
        lanes, width = w.builder.load(total), LANES
        while width > 1:
            width //= 2
            halves = [ir.Constant(ir.VectorType(_INT, width), list(range(i, i + width))) for i in (0, width)]
            low, high = (w.builder.shuffle_vector(lanes, lanes, half) for half in halves)
            lanes = w.builder.fadd(low, high)
        return w.builder.extract_element(lanes, ir.Constant(_INT, 0))

    return _real(rest, _n, books, _n, out, _n, _n), generate
