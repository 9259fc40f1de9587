"""What leaves and what comes from elsewhere: export, its data card, vectors computed elsewhere."""
