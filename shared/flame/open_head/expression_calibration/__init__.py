"""The open head's face units against those of scanned people: what is mended, and how often faces use what.

`record.py`, `controls.py` and `mended.py` put the measured numbers on a head; the rest measures them
(`python -m shared.flame.open_head.expression_calibration`), which needs the scan model's own file.
"""
