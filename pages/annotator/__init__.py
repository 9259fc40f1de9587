"""The page that annotators see as well: Label."""
