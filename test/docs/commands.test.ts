import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, it } from 'mocha'
import { addConfig } from '../../cli/config.ts'
import { addDevices } from '../../cli/devices.ts'
import { addDoctor } from '../../cli/doctor.ts'
import { addErase } from '../../cli/erase.ts'
import { addExplain } from '../../cli/explain.ts'
import { addExport } from '../../cli/export.ts'
import { addPub } from '../../cli/pub.ts'
import { addRevoke } from '../../cli/revoke.ts'
import { addServe } from '../../cli/serve.ts'
import { addSub } from '../../cli/sub.ts'
import { addToken } from '../../cli/token.ts'
import { addVerify } from '../../cli/verify.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const pages = ['README.md', ...readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md')).map(name => `docs/${name}`)]
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

const program = new Command('foyer')
for (const add of [addServe, addToken, addExplain, addConfig, addPub, addSub, addDevices, addVerify, addRevoke, addErase, addExport, addDoctor]) add(program)

/** `token`, `config`, `config check`, with the flags of each. */
const known = new Map<string, ReadonlySet<string>>()
for (const command of program.commands) {
  known.set(command.name(), flagsOf(command))
  for (const below of command.commands) known.set(`${command.name()} ${below.name()}`, flagsOf(below))
}

function flagsOf (command: Command): ReadonlySet<string> {
  return new Set(command.options.map(({ long }) => long ?? ''))
}

describe('the commands in the documents', () => {
  for (const page of pages) {
    const blocks = Array.from(read(page).matchAll(/^```sh\n([^]*?)^```$/gm), ([, block]) => block!)
    if (blocks.length === 0) continue

    it(`are shell (${page})`, () => {
      for (const block of blocks) {
        const { status, stderr } = spawnSync('bash', ['-n'], { input: block, encoding: 'utf8' })
        assert.equal(status, 0, `${stderr}\n${block}`)
      }
    })
  }

  it('are commands of foyer, with flags that it has', () => {
    let found = 0
    const files = [...pages, 'mosquitto.conf', 'docker-compose.yml']
    for (const file of files) {
      // In shell blocks, in code spans, and in the comments of configuration files.
      for (const [line, first, second] of read(file).matchAll(/(?:npx |`|foyer )foyer ([a-z]+)(?: ([a-z]+))?[^`\n)]*/g)) {
        found++
        const command = known.get(`${first} ${second}`) ?? known.get(first!)
        assert.ok(command !== undefined, `${file} names foyer ${first}`)
        for (const [flag] of line.matchAll(/(?<= )--[a-z-]+/g)) assert.ok(command.has(flag), `${file} gives foyer ${first} the flag ${flag}`)
      }
    }
    assert.ok(found >= 10, `found only ${found}`)
  })

  it('are scripts of package.json', () => {
    for (const page of pages) {
      for (const [, name] of read(page).matchAll(/\bnpm run ([a-z:]+)/g)) assert.ok(name! in scripts, `${page} names npm run ${name}`)
    }
  })
})
