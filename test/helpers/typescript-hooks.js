// Blanks out types, and keeps the result in node_modules/.cache. Each process and each worker thread loads its modules
// anew; without this each of them also loads the TypeScript compiler first, which takes longer than most tests.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { threadId } from 'node:worker_threads'

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/foyer-tests/', import.meta.url))
const VERSION = readFileSync(new URL('../../node_modules/ts-blank-space/package.json', import.meta.url))

mkdirSync(CACHE, { recursive: true })

export async function load (url, context, nextLoad) {
  if (!url.endsWith('.ts')) return await nextLoad(url, context)
  const { source } = await nextLoad(url, { ...context, format: 'module' })
  return { format: 'module', shortCircuit: true, source: await blanked(url, source.toString()) }
}

async function blanked (url, source) {
  const file = join(CACHE, `${hash(url)}.js`)
  // The last line says of which source it is. Nothing may stand before the code: coverage counts from its beginning.
  const end = `\n//# sourceURL=${url}\n// ${hash(VERSION, source)}\n`
  const known = read(file)
  if (known.endsWith(end)) return known
  const { default: tsBlankSpace } = await import('ts-blank-space')
  const code = tsBlankSpace(source) + end
  // Others may read or write it in this moment.
  const draft = `${file}.${process.pid}-${threadId}`
  writeFileSync(draft, code)
  renameSync(draft, file)
  return code
}

function read (file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return ''
    throw error
  }
}

function hash (...parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
