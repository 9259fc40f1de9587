export default function ({ data, parentElement, setTriggerValue }) {
  const form = parentElement.querySelector("form")
  const alert = form.querySelector("[role=alert]")
  // our server redirects to this address without the token; a host that does not pass forms on does not
  const post = fields => fetch(location.href, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null)

  form.onsubmit = async event => {
    event.preventDefault()
    alert.textContent = ""
    const name = form.elements.name.value
    const answer = await post({ t: data.token, name })
    if (answer?.status === 400) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html")
      alert.textContent = page.querySelector("main p")?.textContent ?? "Signing in failed."
      return
    }
    // post again without the token: the server redirects only if the cookie has arrived
    if (answer?.redirected && (await post({}))?.redirected) {
      const here = new URL(location.href)
      here.searchParams.delete("t")
      location.replace(here)
      return
    }
    setTriggerValue("name", name)
  }
}
