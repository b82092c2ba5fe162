"""Torch networks, quantizer, index labels, trained weights and their cards."""
