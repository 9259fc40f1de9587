/**
 * Playback on the whole page. One sound at a time: a player that starts, also one of Streamlit's, pauses all others.
 * The settings (sound under the mouse, volume, speed, even loudness) hold for map, lists and players, and are stored in this browser.
 */
const KEY = "hover.map.sound"
const CLIP_AUDIO = /\/clips\/[^/]+\/\d+\/audio$/

/** The settings {on, volume 0 to 1, rate, level}. Change them by `change`. */
export const playback = window.__hoverPlayback ??= listen({ on: true, volume: 0.8, rate: 1, level: false, ...recall() })

/** Changes settings, also in every player on the page. */
export function change(settings) {
  Object.assign(playback, settings)
  try {
    localStorage.setItem(KEY, JSON.stringify(playback))
  } catch {
    // storage may be forbidden: the settings then last until the page is closed
  }
  for (const audio of players()) {
    audio.playbackRate = playback.rate
    setLevel(audio)
  }
  dispatchEvent(new Event("hover-playback"))
}

/** The address from which to play a clip's sound: with even loudness, if that setting is on. */
export function addressOf(address) {
  return playback.level && CLIP_AUDIO.test(address) ? `${address}?level=1` : address
}

/** The clip of a player, as the address of its sound without the loudness; empty if it does not play a clip. */
export function clipOf(audio) {
  const address = audio.dataset.clip || (audio.currentSrc || audio.src).split("?")[0]
  return CLIP_AUDIO.test(address) ? address : ""
}

/** The player that is playing now, or null. */
export function playingAudio() {
  return players().find(audio => !audio.paused && !audio.ended) ?? null
}

const players = () => [...document.querySelectorAll("audio")]

function listen(settings) {
  document.addEventListener("play", event => {
    for (const other of document.querySelectorAll("audio, video")) if (other !== event.target && !other.paused) other.pause()
  }, true)
  document.addEventListener("loadstart", event => {
    const audio = event.target
    if (!(audio instanceof HTMLAudioElement) || !CLIP_AUDIO.test(audio.src.split("?")[0])) return
    audio.playbackRate = audio.defaultPlaybackRate = playback.rate
    setLevel(audio)
  }, true)
  return settings
}

/** Makes a player use the sound with the loudness of the settings; it continues at the same time. */
function setLevel(audio) {
  const [address, query] = audio.src.split("?")
  if (!CLIP_AUDIO.test(address) || (query === "level=1") === playback.level) return
  const { currentTime, paused } = audio
  audio.src = addressOf(address)
  audio.currentTime = currentTime
  if (!paused) audio.play().catch(() => {}) // the next attempt to play it reports the problem
}

function recall() {
  try {
    const { on = true, volume = 0.8, rate = 1, level = false } = JSON.parse(localStorage.getItem(KEY)) ?? {}
    return { on: Boolean(on), volume: volume >= 0 && volume <= 1 ? volume : 0.8, rate: rate > 0.2 && rate <= 4 ? rate : 1, level: Boolean(level) }
  } catch {
    return {}
  }
}
