# Everything from a fresh clone: `make demo` shows the main job, `make test` checks it.
# PYTHON=python3.12 picks the interpreter (3.10 or newer); PIP_ARGS goes to pip install.

PYTHON    ?= python3
VENV      ?= .venv
WORKERS   ?= 2
TEST_JOBS ?= 2
PIP_ARGS  ?=

BIN   := $(VENV)/bin
STAMP := $(VENV)/.channelvq-installed

# Compiles the kernels once, so that nobody's first run waits for them.
WARM := import numpy as np, channelvq as cvq; \
	cvq.Link(code='uncoded').transmit(np.zeros((3, 64, 64), np.float32), snr_db=6.0)
# What `make results` makes, in this order; all of it goes on where it was stopped.
RD_CODECS := hevc avif vqvae-ec vqvae jpegxl jpeg2000 jpeg-restart webp jpeg
RD_RATES  := 0.2,0.35,0.5,0.7,1.0,1.5
RD        := $(RD_CODECS:%=results/kodak_rd/%.json)
TUNED     := $(patsubst sims/tune/%.toml,sims/tuned/%.toml,$(wildcard sims/tune/*.toml))
SWEEPS    := kodak_bsc kodak_packets kodak_mismatch kodak_awgn_1_16 kodak_deepjscc kodak_packet_duel kodak_bursts \
	kodak_rayleigh_block kodak_rayleigh_csi kodak_awgn_1_12 kodak_fixed cifar_awgn mnist_lineage demo
# Test processes are the parallelism; threads inside them would only fight for the cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(TEST_JOBS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow board faults codes seal results tune bench bench-engine lint format clean

help:
	@echo "make demo      the main job: photographs over a noisy channel, figure in results/demo/"
	@echo "make test      all tests, doctests included (test-slow: the long ones too)"
	@echo "make board     the theory board: all its points, codes and channels against closed forms"
	@echo "make faults    plant the faults of this field one by one and see which test notices"
	@echo "make codes     block error rates of the channel codes, figure in results/codes/"
	@echo "make results   every figure and table in results/: an hour and a half on two cores, needs \$$CHANNELVQ_DATA"
	@echo "make tune      choose code and modulation of the sims' schemes anew, on \$$CHANNELVQ_DATA/gb82"
	@echo "make seal      after new weights: their hashes, and the golden streams that tests decode"
	@echo "make bench     the speeds that README.md promises, measured here"
	@echo "make bench-engine  the sweep engine: overhead, scaling, and 200 kills that must lose nothing"
	@echo "make lint      ruff and mypy --strict"
	@echo "make install   $(VENV) with channelvq, its dev extra and the reference implementations"
	@echo "make clean     remove $(VENV) and caches"

install: $(STAMP)

# The stamp is younger than what it was made from, so a second `make install` does nothing.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("channelvq needs Python 3.10 or newer: make PYTHON=python3.12" if sys.version_info < (3, 10) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) -c constraints.txt -e '.[dev,reference]'
	$(BIN)/python -c "$(WARM)"
	@touch $@

demo: install
	$(BIN)/channelvq sweep sims/demo.toml --out results/demo --workers $(WORKERS)

test: install
	$(PYTEST) $(PYTEST_ARGS)

test-slow: install
	$(PYTEST) -m "not gpu" $(PYTEST_ARGS)

board: install
	$(PYTEST) -m "not gpu" tests/board $(PYTEST_ARGS)

faults: install
	$(BIN)/python tests/faults/run.py --out results/faults/table.csv

codes: install
	$(BIN)/channelvq bler sims/codes.toml --out results/codes --workers $(WORKERS)

seal: install
	$(BIN)/python tests/golden/seal.py

results: install
	OMP_NUM_THREADS=1 $(MAKE) -j $(WORKERS) $(RD)
	for name in $(SWEEPS); do \
		$(BIN)/channelvq sweep sims/$$name.toml --out results/$$name --workers $(WORKERS) || exit 1; done
	$(BIN)/python sims/write_results.py results

# Clean rate-distortion comes first: bounds are drawn from it, and reach as far as HEVC's rates.
results/kodak_rd/hevc.json: RD_RATES := 0.05,0.1,0.2,0.35,0.5,0.7,1.0,1.5,2.2
results/kodak_rd/vqvae-ec.json: RD_RATES := 0.5,1.0
results/kodak_rd/%.json: | install
	@mkdir -p $(@D)
	$(BIN)/channelvq rd --codec $* --bpp $(RD_RATES) --images kodak --json > $@.part
	mv $@.part $@

tune: install $(TUNED)

sims/tuned/%.toml: sims/tune/%.toml | install
	@mkdir -p $(@D)
	$(BIN)/channelvq tune $< --out $@ --workers $(WORKERS)

# creedsolo comes in a wheel that has a reedsolo of its own: beside the environment, not in it.
$(VENV)/creedsolo: | install
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --target $@ reedsolo==2.1.1b1

bench: install $(VENV)/creedsolo
	$(BIN)/python benchmarks/speed.py
	$(BIN)/channelvq bench codes --creedsolo $(VENV)/creedsolo

# On a machine that does nothing else: three quarters of an hour.
bench-engine: install
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/kill.py --rounds 200

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find channelvq tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
