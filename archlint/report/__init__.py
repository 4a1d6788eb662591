"""What a run found, and one file for each format to say it in."""
