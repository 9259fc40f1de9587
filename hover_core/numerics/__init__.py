"""Arrays in, arrays out: standardizing, reducers, neighbours, indexes, DTW, splits."""
