"""What the polar decoder's kernels do with rows of eight lanes, as vector instructions.

The compiler finds vectors in long loops, but not here: it cannot rule out that rows overlap. So these are
written out as vectors of LLVM, which fits them to the machine; only the permutation by a variable is AVX2's.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.extending import intrinsic

__all__ = [
    "permute",
    "rank_ascending",
    "rank_descending",
    "sort_eight",
    "sort_four",
    "sort_two",
]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_PERMPS = "llvm.x86.avx2.permps"


@intrinsic
def _permute_avx2(typingctx: Any, llrs: Any, start: Any, origin: Any) -> Any:
    """Permute eight floats of an array in place: row[i] = row[origin[i]]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        floats, ints = ir.VectorType(ir.FloatType(), 8), ir.VectorType(ir.IntType(32), 8)
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        row = builder.bitcast(builder.gep(data, [args[1]]), floats.as_pointer())
        index = context.make_array(signature.args[2])(context, builder, args[2]).data
        index = builder.load(builder.bitcast(index, ints.as_pointer()), align=4)
        kind = ir.FunctionType(floats, [floats, ints])
        permute = builder.module.globals.get(_PERMPS) or ir.Function(builder.module, kind, _PERMPS)
        builder.store(builder.call(permute, [builder.load(row, align=4), index]), row, align=4)
        return context.get_dummy_value()

    return numba.types.void(llrs, start, origin), codegen


@numba.njit(nogil=True)
def _permute_plain(llrs: Floats, start: int, origin: Ints) -> None:
    """`_permute_avx2` where there is no AVX2."""
    a = llrs[start + origin[0]], llrs[start + origin[1]], llrs[start + origin[2]], llrs[start + origin[3]]
    b = llrs[start + origin[4]], llrs[start + origin[5]], llrs[start + origin[6]], llrs[start + origin[7]]
    for i in range(4):
        llrs[start + i], llrs[start + 4 + i] = a[i], b[i]


def _has_avx2() -> bool:
    """Whether numba compiles for a processor with AVX2."""
    codegen: Any = numba.core.registry.cpu_target.target_context.codegen()
    return "+avx2" in getattr(codegen, "_tm_features", "").split(",")


permute: Any = _permute_avx2 if _has_avx2() else _permute_plain


def _ranking(order: str) -> Any:
    """Make an intrinsic that ranks values[start : start + 8], of equals the first first."""

    @intrinsic
    def rank(typingctx: Any, values: Any, start: Any, ranks: Any, place: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            floats, ints = ir.VectorType(ir.FloatType(), 8), ir.VectorType(ir.IntType(32), 8)
            masks = ir.VectorType(ir.IntType(1), 8)
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            data = builder.bitcast(builder.gep(data, [args[1]]), floats.as_pointer())
            row = builder.load(data, align=4)
            total = ir.Constant(ints, [0] * 8)
            for j in range(8):
                other = builder.shuffle_vector(row, row, ir.Constant(ints, [j] * 8))
                equal = builder.fcmp_ordered("==", other, row)
                equal = builder.and_(equal, ir.Constant(masks, [int(j < i) for i in range(8)]))
                before = builder.or_(builder.fcmp_ordered(order, other, row), equal)
                total = builder.add(total, builder.zext(before, ints))
            out = context.make_array(signature.args[2])(context, builder, args[2]).data
            out = builder.bitcast(builder.gep(out, [args[3]]), ints.as_pointer())
            builder.store(total, out, align=4)
            return context.get_dummy_value()

        return numba.types.void(values, start, ranks, place), codegen

    return rank


rank_descending, rank_ascending = _ranking(">"), _ranking("<")


def _sorter(network: list[tuple[int, int]]) -> Any:
    """Make an intrinsic that sorts the |llr| of each of eight lanes by a network of comparators.

    The rows of llrs from `start` on go, sorted, into those of `tree`, and where they were into those of
    `ints` from `place` on.
    """

    @intrinsic
    def arrange(typingctx: Any, llrs: Any, start: Any, tree: Any, ints: Any, place: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            numbers = ir.VectorType(ir.IntType(32), 8)

            def row(array: int, first: Any, r: int) -> Any:
                data = context.make_array(signature.args[array])(context, builder, args[array]).data
                at = builder.add(first, ir.Constant(first.type, 8 * r))
                return builder.bitcast(builder.gep(data, [at]), numbers.as_pointer())

            rows = range(1 + max(high for _, high in network))
            magnitude = ir.Constant(numbers, [0x7FFFFFFF] * 8)
            keys = [builder.and_(builder.load(row(0, args[1], r), align=4), magnitude) for r in rows]
            places = [ir.Constant(numbers, [r] * 8) for r in rows]
            for i, j in network:  # bits of floats above 0 are in the order of the floats
                swap = builder.icmp_signed(">", keys[i], keys[j])
                for values in (keys, places):
                    values[i], values[j] = (
                        builder.select(swap, values[j], values[i]),
                        builder.select(swap, values[i], values[j]),
                    )
            for r in rows:
                builder.store(keys[r], row(2, ir.Constant(args[1].type, 0), r), align=4)
                builder.store(places[r], row(3, args[4], r), align=4)
            return context.get_dummy_value()

        return numba.types.void(llrs, start, tree, ints, place), codegen

    return arrange


_FOUR = [(0, 1), (2, 3), (0, 2), (1, 3), (1, 2)]
sort_two, sort_four = _sorter([(0, 1)]), _sorter(_FOUR)
sort_eight = _sorter(
    _FOUR
    + [(i + 4, j + 4) for i, j in _FOUR]
    + [(0, 4), (1, 5), (2, 6), (3, 7), (2, 4), (3, 5), (1, 2), (3, 4), (5, 6)]
)
