"""Networks that predict, for every pixel of a face crop, the normal of the head and its place on the head (UV)."""
