"""Sound files decoded in limited processes: pieces, recordings, resampling, summaries, segmentation."""
