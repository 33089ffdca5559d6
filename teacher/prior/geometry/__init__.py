"""What a crop, a mirror and the head's texture are to the priors."""
