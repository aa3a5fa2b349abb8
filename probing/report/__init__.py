"""Tables and figures, drawn from records and their files alone; loads neither torch nor h5py.

published             the numbers printed in the paper
style                 colours, markers, fonts, titles; writing figures
naming                names of the files
importance            what Figure 2 draws, as a table
controls              which fit is another's on random weights
figure2               layer importance: `probe figure 2`
over_time             estimates over time: the plot of `probe predict`
compared              which systems are set against each other, their order and names
conditions            what systems were trained on and tested under
table1, table2        systems; what word errors cost them
findings              which of the paper's findings hold
classified            systems of categories: UAR, macro-F1, accuracy
cross_corpus          runs and fits on other corpora: trained on × tested on
figure3               what text adds to valence
layers_and_systems    the comparison figure
curves                CCC over word errors or noise: `probe figure wer`, `snr`
efficiency            how much work encoders and systems are: `probe bench`; efficiency_table is its tables
compare               all of it for some runs: `probe compare`
page                  one HTML file on some runs: `probe report`; page_* are its parts, page.html.j2 its layout
"""
