"""Full systems: audio, text or both → emotion dimensions (sections 2 and 3)."""
