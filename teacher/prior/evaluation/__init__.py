"""How good a network is, in degrees and millimetres."""
