"""Values that all other folders use: clips, annotations, people, colours, the clock."""
