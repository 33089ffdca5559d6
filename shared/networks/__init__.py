"""Networks that priors and student build upon."""
