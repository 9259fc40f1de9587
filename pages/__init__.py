"""The app: the frame around it, its pages by role, what they share, the server. Streamlit runs frame.py alone."""
