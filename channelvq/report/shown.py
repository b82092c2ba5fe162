"""Which received pictures a sweep shows, and how they are come by: the trials are sent again."""

from __future__ import annotations

from channelvq.images import load_image
from channelvq.report.pictures import Sheet, Tile
from channelvq.sweep.plan import Case, Job, Plan, SweepImage, Unit
from channelvq.sweep.spec import PictureChoice, Point
from channelvq.sweep.worker import receive

__all__ = ["chosen_points", "receive_pictures"]

_COLUMNS = 4


def receive_pictures(plan: Plan) -> Sheet:
    """Send trial 0 of the chosen image again and lay what arrives out.

    A trial is the same whenever it is made, so these are pictures of the very trials that the table counts.
    """
    spec = plan.spec
    choice = spec.pictures or PictureChoice()
    image = next((image for image in plan.images if image.name == choice.image), plan.images[0])
    points = chosen_points(spec.points, choice)
    rows, uses = [], set()
    for scheme in spec.schemes:
        cases = [case for case in plan.cases if case.scheme == scheme and case.point in points]
        tiles = []
        for case in cases:
            reception = receive(*_order(case, image, spec.seed))
            uses.add(int(reception.account.channel_uses))
            caption = f"{reception.psnr_db:.1f} dB" if reception.status != "failed" else "cannot be decoded"
            tiles.append(Tile(reception.image, caption))
        rows.append((scheme.name, tuple(tiles)))
    _, height, width = image.shape
    fewest, most = min(uses), max(uses)
    used = f"{fewest} channel uses" if fewest == most else f"{fewest} to {most} channel uses"
    notes = (
        f"{image.name}, {width} × {height} pixels",
        f"every scheme: {used}, CBR {spec.cbr}",
        f"seed {spec.seed}, trial 0: the same noise for all",
        "under each picture: channel condition, PSNR of the whole picture",
    )
    heads = tuple(f"SNR {p.snr_db:g} dB" if p.snr_db is not None else p.channel for p in points)
    return Sheet(load_image(image.path), notes, heads, tuple(rows), choice.crop)


def chosen_points(points: tuple[Point, ...], choice: PictureChoice) -> tuple[Point, ...]:
    """Pick the points that the spec names, or up to four spread over the axis.

    Examples
    --------
    >>> axis = tuple(Point(channel="awgn", snr_db=float(snr)) for snr in range(7))
    >>> [point.snr_db for point in chosen_points(axis, PictureChoice())]
    [0.0, 2.0, 4.0, 6.0]
    """
    named = tuple(p for p in points if p.snr_db in choice.snr_db or p.channel in choice.channels)
    if named or len(points) <= _COLUMNS:
        return named or points
    last = len(points) - 1
    return tuple(points[round(i * last / (_COLUMNS - 1))] for i in range(_COLUMNS))


def _order(case: Case, image: SweepImage, seed: int) -> tuple[Unit, Job]:
    """Make the unit and the job of one trial."""
    job = Job(case.hash, case.point, trial=0)
    return Unit(case.options, image, seed, (job,)), job
