"""From portraits and scans to training samples."""
