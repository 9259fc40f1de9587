"""What a person does on Label: selection, actions, asking, hits."""
