"""The command `probe`: one file a command. Each parses its options, makes one call and prints what it returns.

derive      options of a command, made of a step's options dataclasses
command     what every command does: old spellings, errors as messages
named       CORPUS and --encoder as CorpusSpec and EncoderSpec
there       whether what is named is there, asked before anything heavy loads
printing    records and other values as text
main        the group, in the order of the workflow
"""
