"""Speeds, measured on this machine, beside other implementations in the same process."""
