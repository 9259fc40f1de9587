"""Values that everything else speaks of: clips, annotations, people, colours, the clock."""
