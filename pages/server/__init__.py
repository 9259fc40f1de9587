"""The HTTP side of the app: sign-in and access checks, clip sounds, map data, assets, invites."""
