"""One placement policy a file; its file name is its name."""
