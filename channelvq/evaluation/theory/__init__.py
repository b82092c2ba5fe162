"""What theory allows: error rates, capacities and bounds, against which the simulation is tested.

Each function says whether it is exact, an approximation or a bound, and where it is from.
"""

from __future__ import annotations

from channelvq.evaluation.theory.capacity import (
    Capacity,
    binary_entropy,
    capacity_awgn,
    capacity_bec,
    capacity_bsc,
    capacity_rayleigh,
    capacity_rician,
    snr_for_rate,
)
from channelvq.evaluation.theory.converse import (
    bec_error_bound,
    bec_rate_bound,
    bsc_error_bound,
    bsc_rate_bound,
)
from channelvq.evaluation.theory.error_rates import ber_awgn, ber_rayleigh, ber_rician, bit_error_rates
from channelvq.evaluation.theory.gaussian_source import (
    WaterFilling,
    distortion_psnr_db,
    gaussian_distortion,
    gaussian_rate,
    opta_sdr_db,
    rate_sdr_db,
    reverse_water_filling,
)
from channelvq.evaluation.theory.group_error_rates import (
    byte_error_rate,
    group_error_rates,
    independent_error_rate,
    symbol_error_rate,
)
from channelvq.evaluation.theory.llr import llr_information, llr_moments, llr_scale
from channelvq.evaluation.theory.miscorrection import (
    miscorrection_bound,
    miscorrection_rate,
    miscorrection_rates,
    weight_distribution,
)
from channelvq.evaluation.theory.mutual_information import (
    Decoding,
    capacity_bicm,
    capacity_cm,
    capacity_hard,
    information_density,
)
from channelvq.evaluation.theory.normal import q_function
from channelvq.evaluation.theory.normal_approximation import (
    Dispersion,
    dispersion_awgn,
    dispersion_bec,
    dispersion_bsc,
    dispersion_modulation,
    normal_error_rate,
    normal_rate,
)
from channelvq.evaluation.theory.outage import outage_capacity, outage_probability
from channelvq.evaluation.theory.reed_solomon import (
    block_error_rate,
    residual_byte_error_rate,
    word_failure_rate,
)
from channelvq.evaluation.theory.repetition import repetition_bec_ber, repetition_ber, repetition_soft_ber
from channelvq.evaluation.theory.sphere_packing import awgn_error_bound, awgn_rate_bound
from channelvq.evaluation.theory.union_bound import union_bound_bsc, union_bound_soft

__all__ = [
    "Capacity",
    "Decoding",
    "Dispersion",
    "WaterFilling",
    "awgn_error_bound",
    "awgn_rate_bound",
    "bec_error_bound",
    "bec_rate_bound",
    "ber_awgn",
    "ber_rayleigh",
    "ber_rician",
    "binary_entropy",
    "bit_error_rates",
    "block_error_rate",
    "bsc_error_bound",
    "bsc_rate_bound",
    "byte_error_rate",
    "capacity_awgn",
    "capacity_bec",
    "capacity_bicm",
    "capacity_bsc",
    "capacity_cm",
    "capacity_hard",
    "capacity_rayleigh",
    "capacity_rician",
    "dispersion_awgn",
    "dispersion_bec",
    "dispersion_bsc",
    "dispersion_modulation",
    "distortion_psnr_db",
    "gaussian_distortion",
    "gaussian_rate",
    "group_error_rates",
    "independent_error_rate",
    "information_density",
    "llr_information",
    "llr_moments",
    "llr_scale",
    "miscorrection_bound",
    "miscorrection_rate",
    "miscorrection_rates",
    "normal_error_rate",
    "normal_rate",
    "opta_sdr_db",
    "outage_capacity",
    "outage_probability",
    "q_function",
    "rate_sdr_db",
    "repetition_bec_ber",
    "repetition_ber",
    "repetition_soft_ber",
    "residual_byte_error_rate",
    "reverse_water_filling",
    "snr_for_rate",
    "symbol_error_rate",
    "union_bound_bsc",
    "union_bound_soft",
    "weight_distribution",
    "word_failure_rate",
]
