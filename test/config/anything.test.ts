import assert from 'node:assert/strict'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { ConfigError, formatFaults } from '../../config/fault.ts'
import { keyList } from '../../config/key-list.ts'
import { loadConfig } from '../../config/load.ts'

const names = [...new Set([...keyList.values()].flatMap(({ path }) => path)), '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'messages', 'topic', 'name', 'rooms', 'hash']

/** Values of YAML, many of them under names that mean something. */
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constantFrom(null, 'off', '', '*', '10s', '1KiB', 'owner')),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.array(fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string()), tie('tree')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries))
  )
}))

function survives (options: { text?: string, flags?: Record<string, unknown>, env?: Record<string, string> }): void {
  const before = Object.getOwnPropertyNames(Object.prototype).join()
  try {
    loadConfig({ flags: options.flags ?? {}, env: options.env ?? {}, file: null, cwd: '/nowhere', readFile: (path) => read(path, options.text) })
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.ok(error.faults.length > 0)
    assert.equal(formatFaults(error).split(/[\r\n]/).length, error.faults.length, JSON.stringify(error.faults))
    for (const fault of error.faults) {
      assert.ok([fault.path, fault.message, fault.remedy, fault.source].every((part) => typeof part === 'string' && part !== ''), JSON.stringify(fault))
    }
  }
  assert.equal(Object.getOwnPropertyNames(Object.prototype).join(), before)
}

function read (path: string, text: string | undefined): string {
  if (text !== undefined && path.endsWith('foyer.config.yaml')) return text
  throw Object.assign(new Error('none'), { code: 'ENOENT' })
}

describe('whatever is written', () => {
  it('as YAML values, throws a ConfigError or nothing', () => {
    fc.assert(fc.property(tree, (value) => survives({ text: stringify(value) })), { numRuns: 300 })
  })

  it('as text, throws a ConfigError or nothing', () => {
    const scrap = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.constantFrom('mqtt', ':', ' ', '\n', '  ', '- ', '&a ', '*a', '[', '{', '}', '"', "'", '? ', '<<', '!!', '|', '---', '%', '#', 'port', '1')).map((parts) => parts.join('')))
    fc.assert(fc.property(scrap, (text) => survives({ text })), { numRuns: 500 })
  })

  it('as flags and environment, throws a ConfigError or nothing', () => {
    const flags = fc.dictionary(fc.oneof(fc.constantFrom(...keyList.keys()), fc.constantFrom(...names)), fc.oneof(tree, fc.anything()))
    const env = fc.dictionary(fc.constantFrom(...[...keyList.values()].flatMap(({ env }) => env ?? [])), fc.string())
    fc.assert(fc.property(flags, env, (flags, env) => survives({ flags, env })), { numRuns: 500 })
  })
})
