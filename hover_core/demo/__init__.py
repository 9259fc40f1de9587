"""The demo that ships with the library: 600 generated clips and their table."""

from pathlib import Path

FOLDER = Path(__file__).parent / "clips"
TABLE = Path(__file__).parent / "demo.csv"
