"""What speed and quality are, measured beside an honest baseline in the same run: `python -m tests.benchmarks`."""
