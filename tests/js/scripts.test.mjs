import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import test from "node:test"

const FOLDER = new URL("../../pages/components/", import.meta.url)
const scripts = new Map() // name → its text; all are served from one folder

for (const { name } of readdirSync(FOLDER, { withFileTypes: true }).filter(entry => entry.isDirectory())) {
  for (const file of readdirSync(new URL(`${name}/`, FOLDER)).filter(file => file.endsWith(".js") && file !== "inline.js")) {
    assert.ok(!scripts.has(file), `${file} stands in two folders, and both are served under one name`)
    scripts.set(file, readFileSync(new URL(`${name}/${file}`, FOLDER), "utf8"))
  }
}

const imports = name => [...scripts.get(name).matchAll(/^import .* from "\.\/(.+)"$/gm)].map(([, other]) => other)

test("what a script imports is there, and no script imports itself by a detour", () => {
  const done = new Set()
  const visit = (name, way) => {
    assert.ok(scripts.has(name), `${way.at(-1)} imports ${name}, which is nowhere`)
    assert.ok(!way.includes(name), `a circle: ${[...way, name].join(" → ")}`)
    if (done.has(name)) return
    for (const other of imports(name)) visit(other, [...way, name])
    done.add(name)
  }

  for (const name of scripts.keys()) visit(name, [])
  assert.ok(done.has("map.js") && imports("map.js").length > 10)
})

test("nothing imports map.js: it puts the parts together and owns none of their fields", () => {
  for (const name of scripts.keys()) assert.ok(!imports(name).includes("map.js"), `${name} imports map.js`)
})

test("no script is longer than 500 lines, but with a reason in its first lines", () => {
  for (const [name, text] of scripts) {
    const lines = text.split("\n")
    assert.ok(lines.length <= 500 || /long because/.test(lines.slice(0, 5).join(" ")), `${name} has ${lines.length} lines`)
  }
})
