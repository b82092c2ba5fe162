"""Golden streams of the shipped models: the same indices on any number of threads and in any company."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from golden.streams import FOLDER, Golden, all_golden, block_means, indices_hash, stored_means

from channelvq.codecs.base import encode_tight
from channelvq.codecs.container import message_budget, read_cvq
from channelvq.evaluation.metrics import psnr
from channelvq.images import content_hash
from channelvq.models.weight_file import shipped_files

ALL = all_golden()
every_stream = pytest.mark.parametrize("golden", ALL, ids=lambda golden: golden.name)


@pytest.fixture
def threads():
    """Set torch's number of threads; what it was comes back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def decode(golden):
    content = read_cvq(golden.stream)
    return golden.codec().decode(content.llrs, content.shape)


def test_every_shipped_model_has_streams_and_no_stream_is_of_another():
    assert {golden.model for golden in ALL} == set(shipped_files("vqvae"))
    assert {path.stem for path in FOLDER.glob("*.cvq")} == {golden.name for golden in ALL}, "run `make seal`"
    for golden in ALL:
        assert golden.codec().model.id == golden.expected["model"] == read_cvq(golden.stream).model_id
        assert hashlib.sha256(golden.stream.read_bytes()).hexdigest() == golden.expected["stream"]


@every_stream
@pytest.mark.parametrize("count", [1, 2])
def test_indices_are_those_that_were_sent(golden: Golden, count, threads):
    threads(count)
    decoded, expected = decode(golden), golden.expected
    assert decoded.status == "ok"
    assert decoded.indices[:16].tolist() == expected["first"]
    assert len(decoded.indices) == expected["count"]
    assert indices_hash(decoded.indices) == expected["indices"]


@every_stream
def test_the_picture_is_the_one_that_was_shown(golden: Golden):
    decoded, expected, picture = decode(golden), golden.expected, golden.crop.picture()
    assert content_hash(picture) == expected["picture"], "scikit-image ships another photograph"
    assert list(decoded.picture.shape) == expected["shape"]
    # machines differ in the last bits of a convolution; half a grey level is far more
    assert np.abs(block_means(decoded.picture) - stored_means(expected)).max() < 0.002
    assert psnr(picture, decoded.picture) == pytest.approx(expected["psnr_db"], abs=0.02)


def test_company_and_order_change_nothing():
    alone = [indices_hash(decode(golden).indices) for golden in ALL]
    backwards = [indices_hash(decode(golden).indices) for golden in reversed(ALL)]
    assert backwards[::-1] == alone
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda golden: indices_hash(decode(golden).indices), ALL * 2))
    assert together == alone * 2


@every_stream
def test_a_damaged_neighbour_in_the_same_codec_changes_nothing(golden: Golden):
    codec, content = golden.codec(), read_cvq(golden.stream)
    rng = np.random.default_rng(0)
    for _ in range(3):
        hit = rng.random(len(content.llrs)) < 0.02
        codec.decode(np.where(hit, -0.2, 0.2).astype(np.float32) * content.llrs, content.shape)
        assert indices_hash(codec.decode(content.llrs, content.shape).indices) == golden.expected["indices"]


@every_stream
def test_encoding_anew_is_the_same_on_one_and_two_threads_and_as_good(golden: Golden, threads):
    picture, crop, messages = golden.crop.picture(), golden.crop, []
    budget = message_budget(crop.bpp, crop.height, crop.width)
    for count in (1, 2):
        threads(count)
        messages.append(encode_tight(golden.codec(), picture, budget))
    assert (messages[0].bits == messages[1].bits).all()
    # another machine may round otherwise where two codes are equally near, and an encoder may get better
    decoded = golden.codec().decode(np.where(messages[0].bits, -50.0, 50.0).astype(np.float32), picture.shape)
    assert psnr(picture, decoded.picture) > golden.expected["psnr_db"] - 0.05


@pytest.mark.parametrize("model", sorted(shipped_files("vqvae")))
def test_a_search_in_other_chunks_finds_the_same_codes(model):
    golden = next(golden for golden in ALL if golden.model == model)
    codec, picture = golden.codec(), golden.crop.picture()
    network = codec.model.network
    latents = network.describe(codec._padded(picture)).latents
    found = [network.quantizer.search(latents, chunk)[0] for chunk in (512, 64, 7)]
    # a matrix product of another size adds up in another order: codes equally near may swap
    for other in found[1:]:
        assert (other == found[0]).double().mean() > 0.999
