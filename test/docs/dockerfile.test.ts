import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { ROOT } from '../helpers/cli-run.ts'

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8')

describe('the Dockerfile', () => {
  it('copies every folder and script that the build needs', () => {
    const copied = Array.from(read('Dockerfile').matchAll(/^COPY (?!--)(.*) \S+$/gm), ([, names]) => names!.split(' ')).flat()
    const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] }
    const { scripts } = JSON.parse(read('package.json')) as { scripts: { build: string } }
    const run = Array.from(scripts.build.matchAll(/scripts\/\S+\.js/g), ([name]) => name)
    for (const name of [...include, ...run, 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']) assert.ok(copied.includes(name), name)
  })
})
