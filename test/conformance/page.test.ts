import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'mocha'

/** Numbers as titles and page write them: `1, 2`, `1 to 3`, `1, -2 to -4`. */
function numbers (text: string): number[] {
  const found: number[] = []
  for (const [, word, digits] of text.matchAll(/(to )?-?(\d+)/g)) {
    const number = Number(digits)
    if (word === undefined) found.push(number)
    else for (let next = found.at(-1)! + 1; next <= number; next++) found.push(next)
  }
  return found
}

/** Statements named in the titles of a file, such as `3.1.2-24`. */
function named (file: string): Set<string> {
  const source = readFileSync(new URL(`${file}.test.ts`, import.meta.url), 'utf8')
  const found = new Set<string>()
  for (const [, section, rest] of source.matchAll(/\[MQTT-(\d+\.\d+\.\d+)-(\d+(?:,? (?:to )?-\d+)*)\]/g)) {
    for (const number of numbers(rest!)) found.add(`${section}-${number}`)
  }
  return found
}

describe('docs/conformance.md', () => {
  const page = readFileSync(new URL('../../docs/conformance.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| (\d+\.\d+\.\d+) \| ([\d, to]+) \| ([a-z, -]+) \|$/gm)].map(([, section, statements, files]) => ({ section: section!, statements: numbers(statements!), files: files!.split(', ') }))

  it('names only statements that a title names, in the files that it names', () => {
    assert.ok(rows.length > 70)
    for (const { section, statements, files } of rows) {
      const titles = files.map(named)
      for (const number of statements) assert.ok(titles.some(found => found.has(`${section}-${number}`)), `${section}-${number}`)
      for (const [index, found] of titles.entries()) assert.ok(statements.some(number => found.has(`${section}-${number}`)), `${section} in ${files[index]}`)
    }
  })

  it('names every statement that a title names', () => {
    const listed = new Set(rows.flatMap(({ section, statements }) => statements.map(number => `${section}-${number}`)))
    for (const file of readdirSync(new URL('.', import.meta.url))) {
      if (!file.endsWith('.test.ts')) continue
      for (const statement of named(file.slice(0, -'.test.ts'.length))) assert.ok(listed.has(statement), `${statement} in ${file}`)
    }
  })
})
