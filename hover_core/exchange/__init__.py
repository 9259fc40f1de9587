"""Exchange with other programs: export, its data card, imported vectors."""
