"""Folders that are one table: each reader gives cells.

pattern            recordings whose names follow a pattern; `naming`: what it reads of a path
kaldi              data folders of Kaldi
audformat_folder   databases in audformat
audio_folder       recordings with a table `metadata.csv`, as the library datasets has them
split_tables       a table for each partition
datasets_folder    what the library datasets saves; `unpacked`: recordings that are embedded in it
"""
