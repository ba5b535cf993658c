"""What a person touches: the magics, the footnote, completion and the panel. Only here is IPython known."""
