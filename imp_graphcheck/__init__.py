"""Find out why a CUDA graph dies, lies or never happened."""

__version__ = "0.1.0"
