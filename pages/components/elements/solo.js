/** One sound at a time across everything on the page: whatever starts, also a player of Streamlit's, silences the rest. */
if (!window.__hoverSolo) {
  window.__hoverSolo = true
  document.addEventListener("play", event => {
    for (const other of document.querySelectorAll("audio, video")) if (other !== event.target && !other.paused) other.pause()
  }, true)
}
