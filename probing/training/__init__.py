"""Fine-tune and score full systems (section 3.2)."""
