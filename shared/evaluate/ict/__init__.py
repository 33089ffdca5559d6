"""Heads of ICT-FaceKit, of which this project holds none: read from a user's own checkout, posed, painted, rendered."""
