"""The smallest Streamlit scripts that do what a page of ours does, with what Streamlit brings: baselines."""
