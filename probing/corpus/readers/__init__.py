"""Readers of corpora; which one reads a table or a folder is told in `formats`.

tables/    a table of any format → cells, and what a corpus becomes of them
folders/   folders that are one table: recordings whose names say what is in them, and other programs' formats
public/    public corpora, whose authors document what the file names say
releases/  MSP-Podcast, IEMOCAP and MSP-Improv as they are unpacked

The readers of the first three give cells, of which `tables.table` makes a corpus; a release knows its own labels, and
gives a corpus.
"""
