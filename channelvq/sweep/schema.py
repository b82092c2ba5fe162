"""The store's format: tables, columns, units.

One SQLite file, `sweep.sqlite`, in the sweep's folder. In the file's header `application_id` is 0x63765131
("cvQ1") and `user_version` the format's number, now 3. Format 2, which has no column `ms_ssim`, is read, and
becomes 3 when it is written to; 1 had no tables of images, errors and pictures and is refused.

`runs`
    One row each time that the sweep was started: when (UTC), its plan (spec, images and cases in order; none
    for a run of another sweep whose trials were taken over) and its provenance (command, commit, source
    fingerprint, machine, versions, weights), both JSON.
`cases`, `images`
    What the numbers in other tables stand for. A case is all that a trial depends on but image and number,
    as canonical JSON, and its SHA-256; an image is the SHA-256 of its pixels.
`trials`
    One row a transmission, keyed by (case, image, trial number). `psnr_db` in dB (infinite where the picture
    is the one sent), `ssim` and `ms_ssim` up to 1, rates as shares, `channel_uses` in complex symbols, bits
    in bits, `seconds` of one core for channel and decoder, `blocks` and `block_errors` as counts;
    `clean_psnr_db`, in dB, is what the message gives without errors. NULL where a scheme has no such number.
`errors`
    Trials that raised: class, message, traceback. A trial that is also in `trials` has been made since.
`pictures`
    PNG files of received pictures that the spec asked to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "APPLICATION_ID",
    "COLUMNS",
    "OLDEST",
    "PAGE_BYTES",
    "STATUSES",
    "STORE_NAME",
    "TABLES",
    "UPGRADES",
    "VERSION",
    "Column",
]

STORE_NAME = "sweep.sqlite"
APPLICATION_ID = 0x63765131
VERSION = 3
OLDEST = 2
"""Formats from this one on are read."""
PAGE_BYTES = 4096

STATUSES = ("ok", "concealed", "failed")
"""What a receiver says of its picture, see `Decoded`."""

TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    started TEXT NOT NULL,
    plan TEXT,
    provenance TEXT NOT NULL
);
CREATE TABLE cases (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL
);
CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE
);
CREATE TABLE trials (
    "case" INTEGER NOT NULL REFERENCES cases (id),
    image INTEGER NOT NULL REFERENCES images (id),
    trial INTEGER NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (id),
    psnr_db REAL NOT NULL,
    ssim REAL NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ok', 'concealed', 'failed')),
    raw_ber REAL,
    message_ber REAL,
    index_error_rate REAL,
    block_error_rate REAL,
    channel_uses INTEGER NOT NULL,
    source_bits INTEGER NOT NULL,
    paid_bits INTEGER NOT NULL,
    seconds REAL NOT NULL,
    blocks INTEGER,
    block_errors INTEGER,
    clean_psnr_db REAL,
    ms_ssim REAL,
    PRIMARY KEY ("case", image, trial)
) WITHOUT ROWID;
CREATE TABLE errors (
    id INTEGER PRIMARY KEY,
    "case" INTEGER NOT NULL REFERENCES cases (id),
    image INTEGER NOT NULL REFERENCES images (id),
    trial INTEGER NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (id),
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    trace TEXT NOT NULL
);
CREATE TABLE pictures (
    "case" INTEGER NOT NULL REFERENCES cases (id),
    image INTEGER NOT NULL REFERENCES images (id),
    trial INTEGER NOT NULL,
    png BLOB NOT NULL,
    PRIMARY KEY ("case", image, trial)
);
"""

UPGRADES = {3: "ALTER TABLE trials ADD COLUMN ms_ssim REAL"}
"""What makes each format out of the one before it; rows that are there have no such number."""


@dataclass(frozen=True)
class Column:
    """A column of `trials` as an array: its name, numpy's type, and whether it may be absent."""

    name: str
    kind: Literal["i4", "u1", "f8", "i8"]
    optional: bool = False

    @property
    def sql(self) -> str:
        """How to ask for it as a plain number; what is absent is −1, which no rate or count is."""
        if self.name == "status":
            return "CASE status WHEN 'ok' THEN 0 WHEN 'concealed' THEN 1 ELSE 2 END"
        return f"ifnull({self.name}, -1)" if self.optional else self.name


COLUMNS = (
    Column("image", "i4"),
    Column("trial", "i4"),
    Column("psnr_db", "f8"),
    Column("ssim", "f8"),
    Column("ms_ssim", "f8", optional=True),
    Column("status", "u1"),
    Column("raw_ber", "f8", optional=True),
    Column("message_ber", "f8", optional=True),
    Column("index_error_rate", "f8", optional=True),
    Column("block_error_rate", "f8", optional=True),
    Column("channel_uses", "i8"),
    Column("source_bits", "i8"),
    Column("paid_bits", "i8"),
    Column("seconds", "f8"),
    Column("blocks", "i8", optional=True),
    Column("block_errors", "i8", optional=True),
    Column("clean_psnr_db", "f8", optional=True),
)
