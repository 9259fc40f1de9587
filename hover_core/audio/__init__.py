"""Sound files decoded in limited processes: segments, recordings, resampling, summaries, segmentation."""
