"""Sources: files to documents, with text spans and the location of weight bytes."""
