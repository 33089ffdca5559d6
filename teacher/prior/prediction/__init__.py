"""From photos to maps, and what of them to mistrust."""
