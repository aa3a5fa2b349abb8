"""The on-disk cache of hidden states: part files, and one virtual file over them; cache/README.md is its specification.

stores    what a cache can keep, by name
format    what a file holds
writer    write parts and the virtual file
states    read a part straight from its file
reader    open a cache and read it
"""
