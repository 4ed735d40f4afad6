import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'mocha'
import { parse } from 'yaml'
import { keyList } from '../../config/key-list.ts'
import { errorsPage } from '../../scripts/errors-page.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const pages = ['README.md', ...readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md')).map(name => `docs/${name}`)]

describe('the documents', () => {
  it('list every error as the table has it (node --import=ts-blank-space/register scripts/errors-page.ts > docs/errors.md)', () => {
    assert.equal(read('docs/errors.md'), errorsPage())
  })

  for (const page of pages) {
    it(`link to what exists (${page})`, () => {
      for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) assert.ok(existsSync(join(root, dirname(page), target!)), `${page} links to ${target}`)
    })

    it(`name files that exist (${page})`, () => {
      for (const [, path] of read(page).matchAll(/`((?:protocol|config|broker|bridge|cli|test|bench|docs|scripts)\/[\w./-]+)`/g)) assert.ok(existsSync(join(root, path!)), `${page} names ${path}`)
    })
  }

  it('name only environment variables that there are', () => {
    const known = new Set([...Array.from(keyList.values(), ({ env }) => env), 'FOYER_TOKEN', 'FOYER_CONFIG', 'FOYER_TEST_LONG', 'FOYER_TEST_SEED'])
    for (const file of [...pages, 'docker-compose.yml', 'Dockerfile']) {
      for (const [name] of read(file).matchAll(/\bFOYER_[A-Z0-9_]*[A-Z0-9]\b/g)) assert.ok(known.has(name), `${file} names ${name}`)
    }
  })

  it('have a compose file that is YAML and builds from here', () => {
    const { services } = parse(read('docker-compose.yml')) as { services: { foyer: { build: string } } }
    assert.equal(services.foyer.build, '.')
  })
})
