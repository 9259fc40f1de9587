/**
 * How everything on the page is heard. One sound at a time: whatever starts, also a player of Streamlit's, silences the rest.
 * Whether points are heard under the mouse, volume, speed and even loudness are one choice for map, lists and players, kept in this browser.
 */
const KEY = "hover.map.sound"
const CLIP_AUDIO = /\/clips\/[^/]+\/\d+\/audio$/

/** What was chosen: {on, volume 0 to 1, rate, level}. Change it by `change`. */
export const playback = window.__hoverPlayback ??= listen({ on: true, volume: 0.8, rate: 1, level: false, ...recall() })

/** Chooses otherwise, here and in every player. */
export function change(news) {
  Object.assign(playback, news)
  try {
    localStorage.setItem(KEY, JSON.stringify(playback))
  } catch {
    // storage may be forbidden: then the choice holds until the page is left
  }
  for (const audio of players()) {
    audio.playbackRate = playback.rate
    setLevel(audio)
  }
  dispatchEvent(new Event("hover-playback"))
}

/** The address of a clip's sound as it is to be heard: with even loudness if that is chosen. */
export function addressOf(address) {
  return playback.level && CLIP_AUDIO.test(address) ? `${address}?level=1` : address
}

/** Which clip a player plays, as the address of its sound without its loudness; empty if it is none of ours. */
export function clipOf(audio) {
  const address = audio.dataset.clip || (audio.currentSrc || audio.src).split("?")[0]
  return CLIP_AUDIO.test(address) ? address : ""
}

/** The player that sounds just now, or null. */
export function playingAudio() {
  return players().find(audio => !audio.paused && !audio.ended) ?? null
}

const players = () => [...document.querySelectorAll("audio")]

function listen(chosen) {
  document.addEventListener("play", event => {
    for (const other of document.querySelectorAll("audio, video")) if (other !== event.target && !other.paused) other.pause()
  }, true)
  document.addEventListener("loadstart", event => {
    const audio = event.target
    if (!(audio instanceof HTMLAudioElement) || !CLIP_AUDIO.test(audio.src.split("?")[0])) return
    audio.playbackRate = audio.defaultPlaybackRate = playback.rate
    setLevel(audio)
  }, true)
  return chosen
}

/** Swaps the sound of a clip for the one with the loudness that is chosen; it goes on where it was. */
function setLevel(audio) {
  const [address, query] = audio.src.split("?")
  if (!CLIP_AUDIO.test(address) || (query === "level=1") === playback.level) return
  const { currentTime, paused } = audio
  audio.src = addressOf(address)
  audio.currentTime = currentTime
  if (!paused) audio.play().catch(() => {}) // whoever plays it next says what is wrong with it
}

function recall() {
  try {
    const { on = true, volume = 0.8, rate = 1, level = false } = JSON.parse(localStorage.getItem(KEY)) ?? {}
    return { on: Boolean(on), volume: volume >= 0 && volume <= 1 ? volume : 0.8, rate: rate > 0.2 && rate <= 4 ? rate : 1, level: Boolean(level) }
  } catch {
    return {}
  }
}
