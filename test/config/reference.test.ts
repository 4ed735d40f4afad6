import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { keyList } from '../../config/key-list.ts'
import { configReference } from '../../config/reference.ts'

describe('docs/configuration.md', () => {
  it('is what the declarations say', () => {
    const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
    assert.ok(page === configReference(), 'docs/configuration.md is out of date: run `foyer config docs > docs/configuration.md`')
  })

  it('has every key, its environment name and a sentence', () => {
    const page = configReference()
    for (const { name, env, key } of keyList.values()) {
      assert.ok(page.includes(`| \`${name}\` | ${env === null ? 'file only' : `\`${env}\``} |`), name)
      assert.match(key.doc, /^[A-Z].*\.$/s, name)
    }
  })

  it('declares defaults that can be read', () => {
    for (const { name, key } of keyList.values()) assert.ok(key.kind.schema.safeParse(key.fallback).success, name)
  })
})
