"""A user's own scans with pictures: the folder's format, docs/scans.md."""
