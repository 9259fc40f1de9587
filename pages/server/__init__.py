"""What answers besides the pages: who is asking, clip sounds, map data, assets, invites."""
