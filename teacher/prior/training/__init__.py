"""Losses, the training loop, and the experiment of the paper."""
