"""Tables and figures, drawn from records and their files alone."""
