"""Sizes of the networks' inputs and outputs."""

LANDMARK_SIZE = 256  # pixels, side of the crop
SHORT_RANGE_SIZE, FULL_RANGE_SIZE = 128, 192  # pixels, side of the crop
N_LANDMARKS = 478
BLENDSHAPE_POINTS = 146  # of the landmarks, from which blendshapes are computed
