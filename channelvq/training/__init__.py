"""Photographs to trained weights: data, loops, checkpoints, recipes."""
