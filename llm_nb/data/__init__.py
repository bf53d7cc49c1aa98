"""Text and batches: the corpora that every Python carries, local files, training windows."""
