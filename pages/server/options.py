"""Streamlit options that override the command line, the environment and the host.

Community Cloud overrides `client.showErrorDetails` and `browser.gatherUsageStats` of our `config.toml`. Only the first
can be set while the app runs: `st.set_option` accepts only `client` options.
"""

from typing import Final

import streamlit as st

HELD: Final = {"client.showErrorDetails": "none"}  # a traceback would describe the machine to strangers


def hold_options() -> None:
    """Set the options. May be called again: a config file that is read again brings back the command line's values."""
    for name, value in HELD.items():
        if st.get_option(name) != value:
            st.set_option(name, value)
