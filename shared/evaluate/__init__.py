"""How near a reconstructed face is to the truth, and submissions to public benchmarks."""
