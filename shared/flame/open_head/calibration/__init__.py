"""Where the open head's identity coefficients of real people lie: their mean and covariance, from a model of scans.

`record.py` holds the numbers and puts a head on them; the rest measures them (`python -m
shared.flame.open_head.calibration`), which needs the scan model's own file.
"""
