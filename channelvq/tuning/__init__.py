"""Which code and modulation to send with at each SNR: chosen by simulation, not on the images of the test."""
