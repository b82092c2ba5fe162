"""Bounds and curves of others: drawn where they belong, named as what they are, in no table."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from channelvq.evaluation.bounds import Bound, Limit
from channelvq.evaluation.rate_curve import RateCurve
from channelvq.report.axis import axis_of
from channelvq.report.figure import draw_figure
from channelvq.report.lines import bound_lines, left_out, published_lines
from channelvq.report.panels import picture_of
from channelvq.report.table import point_rows
from channelvq.snr import Snr
from channelvq.sweep.overlay import BoundChoice, PublishedChoice, PublishedLine
from channelvq.sweep.summary import Results

RATES = ((0.1, 24.0), (0.5, 30.0), (2.0, 38.0))


def line(system: str, how: str) -> PublishedLine:
    values = {"snr_db": (1.0, 4.0, 13.0), "values": (28.0, 29.5, 35.0), "how": how, "sources": ("a thread",)}
    return PublishedLine(system=system, dataset="Kodak", metric="psnr_db", **values)


@pytest.fixture
def laid_over(results: Results) -> Results:
    """The two schemes, with two bounds and two curves of others; on Kodak's number of images."""
    bounds = (
        BoundChoice(name="JPEG + capacity", rd=("jpeg.json",), rates=RATES, images=24),
        BoundChoice(name="JPEG, QPSK", rd=("jpeg.json",), limit="bicm:qpsk", rates=RATES, images=24),
    )
    published = PublishedChoice(
        systems=("WITT", "Printed"),
        curves=(line("WITT", "read off a figure (±0.15)"), line("Printed", "printed")),
    )
    spec = results.spec.model_copy(update={"bounds": bounds, "published": published})
    return dataclasses.replace(
        results,
        spec=spec,
        images=tuple(f"kodim{n:02}" for n in range(1, 25)),
        shapes=((3, 512, 768),) * 24,
        grey_psnr_db=12.0,
    )


def test_bounds_are_those_of_the_sweeps_channel_uses(laid_over: Results) -> None:
    capacity, qpsk = bound_lines(laid_over, axis_of(laid_over.spec))
    assert (capacity.x[0], capacity.x[-1], len(capacity.x)) == (0.0, 10.0, 41)
    curve = RateCurve(*zip(*RATES, strict=True))
    bound = Bound(curve, Limit("capacity"), "awgn", bpp_per_use_bit=3 / 12, uses=98304)
    assert capacity.y[20] == bound.psnr_db(Snr(5.0))
    assert max(qpsk.y) < curve.at(0.5) < max(capacity.y)  # 2 bits a use are 0.5 bits per pixel
    grey = dataclasses.replace(laid_over, shapes=((1, 512, 768),) * 24)
    assert bound_lines(grey, axis_of(grey.spec))[0].y[-1] == pytest.approx(
        float(curve.at(np.log2(11) / 12)), abs=1e-9
    )


def test_they_are_in_the_figure_and_named(laid_over: Results) -> None:
    figure = draw_figure(laid_over)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[2:] == [
        "JPEG + capacity (bound)",
        "JPEG, QPSK (bound)",
        "WITT (others‡)",
        "Printed (others†)",
    ]
    drawn = {str(c.get_label()): c for c in figure.axes[0].containers if isinstance(c, ErrorbarContainer)}
    assert set(labels) == set(drawn)
    np.testing.assert_allclose(drawn["WITT (others‡)"].lines[0].get_xydata(), [[1, 28], [4, 29.5]])
    (bars,) = drawn["WITT (others‡)"].lines[2]
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], [27.85, 28.15])
    assert not drawn["Printed (others†)"].lines[2]
    thickness = {label: drawn[label].lines[0].get_linewidth() for label in labels}
    assert max(thickness[label] for label in labels[2:]) < min(thickness[label] for label in labels[:2])
    colours = [drawn[label].lines[0].get_color() for label in labels[2:]]
    assert all(colour[1:3] == colour[3:5] == colour[5:7] for colour in colours)  # grey or black
    for axes in figure.axes[1:]:
        assert not any(
            "bound" in str(c.get_label()) or "others" in str(c.get_label()) for c in axes.containers
        )
    note = " ".join(figure.get_supxlabel().split())
    assert (
        "read off a plot by eye (±0.15), † printed in their source; nothing of it was simulated here" in note
    )
    assert "Bound: the codec's clean rate-distortion" in note


def test_no_table_has_them(laid_over: Results, results: Results) -> None:
    assert [row["scheme"] for row in point_rows(laid_over)] == [row["scheme"] for row in point_rows(results)]


def test_what_does_not_belong_is_left_out_and_said(laid_over: Results) -> None:
    other = dataclasses.replace(laid_over, images=("one", "two"), shapes=((3, 64, 64),) * 2)
    assert bound_lines(other, axis_of(other.spec)) == published_lines(other) == []
    said = left_out(other, [])
    assert (
        "bound 'JPEG + capacity' is not drawn: its codec was measured on 24 images, the sweep has 2" in said
    )
    assert "published 'WITT' is not drawn: it is of 24 images, the sweep has 2" in said
    assert len(said) == 4
    assert "The bound 'JPEG, QPSK' is not drawn" in " ".join(draw_figure(other).get_supxlabel().split())
    assert picture_of(laid_over).left_out == ()


def test_bounds_beyond_the_measured_rates_are_left_out_and_said(laid_over: Results) -> None:
    bound = laid_over.spec.bounds[0].model_copy(update={"rates": ((5.0, 45.0), (6.0, 46.0))})
    unread = laid_over.spec.bounds[1].model_copy(update={"rates": ()})
    spec = laid_over.spec.model_copy(update={"bounds": (bound, unread), "published": None})
    said = picture_of(dataclasses.replace(laid_over, spec=spec)).left_out
    assert "measured of the codec do not reach" in said[0]
    assert "was not read" in said[1]


def test_channels_of_bits_have_bounds_at_their_places(
    laid_over: Results, bit_channel_results: Results
) -> None:
    bounds = laid_over.spec.bounds[:1]
    spec = bit_channel_results.spec.model_copy(update={"bounds": bounds})
    over = dataclasses.replace(
        bit_channel_results, spec=spec, images=laid_over.images, shapes=laid_over.shapes, grey_psnr_db=12.0
    )
    (found,) = bound_lines(over, axis_of(spec))
    curve = RateCurve(*zip(*RATES, strict=True))
    h = -0.01 * np.log2(0.01) - 0.99 * np.log2(0.99)
    assert found.x == (0.001, 0.01, 0.1)
    assert found.y[1] == pytest.approx(float(curve.at((1 - h) * 2 * 3 / 12)))
    mixed = (*spec.schemes, spec.schemes[0].model_copy(update={"name": "B", "modulation": "qam16"}))
    two = dataclasses.replace(over, spec=spec.model_copy(update={"schemes": mixed}))
    assert "no one modulation" in left_out(two, [])[0]
