"""The server: `streamlit run streamlit_app.py --server.address localhost`.

The pages are `pages/frame.py` and what it opens; beside them answer the routes of `pages/server`.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # `uvicorn streamlit_app:app` from another folder does not add it
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402 - the path comes first

from hover_core.errors import Refused  # noqa: E402
from pages.server import identity  # noqa: E402
from pages.server.headers import MIDDLEWARE  # noqa: E402
from pages.server.lifespan import lifespan  # noqa: E402
from pages.server.routes import routes  # noqa: E402

try:
    identity.operators_token()
except Refused as error:
    sys.exit(f"Hover does not start: {error}.")

app = st.App(ROOT / "pages" / "frame.py", routes=routes(), middleware=MIDDLEWARE, lifespan=lifespan)
