// Writes the client as one ES module with mqtt.js in it, for pages without a bundler: dist/client/foyer-client.js.
import { build } from 'esbuild'

/** What bundlers do with the client. */
export const browser = { bundle: true, format: 'esm', platform: 'browser', target: 'es2022', minify: true, legalComments: 'eof', logLevel: 'warning' }

if (process.argv[1] === import.meta.filename) {
  const root = new URL('..', import.meta.url).pathname
  await build({ ...browser, entryPoints: [`${root}client/index.ts`], outfile: `${root}dist/client/foyer-client.js`, sourcemap: true })
}
