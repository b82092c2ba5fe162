"""Sweeps: a validated spec, its plan, workers, one SQLite file of trials, and their statistics."""
