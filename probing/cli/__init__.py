"""The command `probe`: one file a command. Each parses its options, makes one call and prints what it returns."""
