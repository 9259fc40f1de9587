"""Options of Streamlit that hold whatever the command line, the environment or a host says otherwise.

Community Cloud overrides `client.showErrorDetails` and `browser.gatherUsageStats` of our `config.toml`. Of the two only
the first can be set while the app runs: `st.set_option` takes nothing but `client` options.
"""

from typing import Final

import streamlit as st

HELD: Final = {"client.showErrorDetails": "none"}  # a traceback tells strangers about the machine


def hold_options() -> None:
    """Set them, also again: a config file that is read anew brings back what the command line said."""
    for name, value in HELD.items():
        if st.get_option(name) != value:
            st.set_option(name, value)
