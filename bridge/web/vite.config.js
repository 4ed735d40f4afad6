import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig } from 'vite'

const COMPRESSED = /\.(html|js|css|svg)$/

/** Writes `.br` and `.gz` beside each file, once and as short as it gets, so that the server compresses nothing. */
function precompress () {
  let folder = ''
  return {
    name: 'precompress',
    configResolved ({ root, build }) { folder = join(root, build.outDir) },
    closeBundle () {
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => COMPRESSED.test(name))) {
        const bytes = readFileSync(join(folder, name))
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }))
        writeFileSync(join(folder, `${name}.gz`), gzipSync(bytes, { level: 9 }))
      }
    }
  }
}

export default defineConfig({
  root: import.meta.dirname,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    // Every file is one, as the policy of the page takes nothing from inside others.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // mqtt.js alone.
    chunkSizeWarningLimit: 500
  },
  // `vite bridge/web` beside a `foyer serve`, while working on it.
  server: { proxy: { '/api': 'http://127.0.0.1:8080', '/mqtt': { target: 'ws://127.0.0.1:8080', ws: true } } },
  plugins: [precompress()]
})
