"""Block error rates of the channel codes over SNR, beside theory and other implementations."""
