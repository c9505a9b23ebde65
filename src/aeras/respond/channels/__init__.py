"""Ways in which a survey link reaches a person, one file each."""
