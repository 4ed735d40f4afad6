import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, it } from 'mocha'
import { browser } from '../../scripts/bundle-client.js'
import { ROOT } from '../helpers/cli-run.ts'

/** Bytes, minified and gzipped, of the client without mqtt.js. */
const MOST = 18_000

describe('the client in a bundle', () => {
  it('is small beside mqtt.js', async () => {
    const { outputFiles: [file] } = await build({ ...browser, entryPoints: [`${ROOT}/client/index.ts`], external: ['mqtt'], write: false })
    const size = gzipSync(file!.contents).length
    assert.ok(size < MOST, `${size} bytes`)
  })

  it('asks the browser for nothing that only Node has', async () => {
    const { outputFiles: [file], metafile } = await build({ ...browser, entryPoints: [`${ROOT}/client/index.ts`], external: ['mqtt'], write: false, minify: false, metafile: true })
    assert.doesNotMatch(file!.text, /\b(Buffer|process|setImmediate|require|__dirname)\b(?!['"\w])\s*[.(]/)
    const imports = Object.values(metafile.outputs).flatMap(output => output.imports.map(({ path }) => path))
    assert.deepEqual([...new Set(imports)], ['mqtt'])
  })
})
