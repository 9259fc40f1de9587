"""The pages of the owner, one file each."""
