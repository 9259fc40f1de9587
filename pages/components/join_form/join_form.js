export default function ({ data, parentElement, setTriggerValue }) {
  const form = parentElement.querySelector("form")
  const alert = form.querySelector("[role=alert]")
  // an answer of ours leads back here without the token; a host that passes no form on gives another
  const post = fields => fetch(location.href, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null)

  form.onsubmit = async event => {
    event.preventDefault()
    alert.textContent = ""
    const name = form.elements.name.value
    const answer = await post({ t: data.token, name })
    if (answer?.status === 400) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html")
      alert.textContent = page.querySelector("main p")?.textContent ?? "That did not work."
      return
    }
    // asked once more without the token: only a cookie that came through leads back
    if (answer?.redirected && (await post({}))?.redirected) {
      const here = new URL(location.href)
      here.searchParams.delete("t")
      location.replace(here)
      return
    }
    setTriggerValue("name", name)
  }
}
