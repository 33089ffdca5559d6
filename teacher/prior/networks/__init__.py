"""The two families of networks, and their weights on disk."""
