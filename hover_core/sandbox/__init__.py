"""Child processes that open what strangers made: limited, spoken to over pipes, lent out."""
