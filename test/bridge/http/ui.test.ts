import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { request } from 'node:http'
import { describe, it } from 'mocha'
import { pino } from 'pino'
import { createHttpApp } from '../../../bridge/http/app.ts'
import { formFor, readUiFiles } from '../../../bridge/http/ui/files.ts'
import { uiRoutes } from '../../../bridge/http/ui/route.ts'
import { temporaryFolder } from '../../helpers/cli-run.ts'
import { useTeardown } from '../../helpers/teardown.ts'

interface Got { readonly status: number, readonly headers: Record<string, unknown>, readonly body: Buffer }

describe('the files of the web UI', () => {
  const t = useTeardown()
  const script = 'console.log("a script")\n'.repeat(20)

  /** As the build leaves them. */
  function built (): string {
    const folder = `${temporaryFolder(t)}/`
    mkdirSync(join(folder, 'assets'))
    for (const [name, text] of [['index.html', '<!doctype html><title>Foyer</title>'], ['assets/index-abc.js', script]] as const) {
      writeFileSync(join(folder, name), text)
      writeFileSync(join(folder, `${name}.br`), brotliCompressSync(text))
      writeFileSync(join(folder, `${name}.gz`), gzipSync(text))
    }
    writeFileSync(join(folder, 'assets/icon.svg'), '<svg/>')
    writeFileSync(join(folder, 'secret.txt'), 'nothing that a page is made of')
    return folder
  }

  async function serve (folder: string): Promise<(path: string, acceptEncoding?: string) => Promise<Got>> {
    const app = createHttpApp({ logger: pino({ level: 'silent' }), bodyLimit: 1024, routes: [app => uiRoutes(app, readUiFiles(folder))] })
    t.after(() => app.close())
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    // fetch() sends an Accept-Encoding of its own, and unpacks what comes.
    return async (path, acceptEncoding) => await new Promise((resolve, reject) => {
      request({ port, path, headers: acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding } }, response => {
        response.toArray().then(chunks => resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks as Buffer[]) }), reject)
      }).on('error', reject).end()
    })
  }

  it('are sent as short as the browser takes them, for ever where their names say what is in them', async () => {
    const get = await serve(built())
    for (const [accept, encoding] of [['gzip, deflate, br', 'br'], ['gzip, deflate', 'gzip'], ['br;q=0, gzip;q=0.5', 'gzip'], ['identity', undefined], [undefined, undefined]] as const) {
      const { status, headers, body } = await get('/assets/index-abc.js', accept)
      assert.equal(status, 200)
      assert.equal(headers['content-encoding'], encoding, accept)
      assert.equal(headers['content-type'], 'text/javascript; charset=utf-8')
      assert.equal(headers.vary, 'Accept-Encoding')
      assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable')
      assert.equal(body.equals(encoding === 'br' ? brotliCompressSync(script) : encoding === 'gzip' ? gzipSync(script) : Buffer.from(script)), true)
    }
    const icon = await get('/assets/icon.svg', 'br')
    assert.equal(icon.headers['content-encoding'], undefined, 'there is no shorter form')
    assert.equal(icon.headers['content-type'], 'image/svg+xml')
  })

  it('come with a policy that takes nothing from inside the page or from elsewhere, and are asked for again', async () => {
    const get = await serve(built())
    const { status, headers, body } = await get('/')
    assert.equal(status, 200)
    assert.equal(body.toString(), '<!doctype html><title>Foyer</title>')
    assert.equal(headers['cache-control'], 'no-cache')
    assert.equal(headers['content-security-policy'], "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
  })

  it('are only those of the build', async () => {
    const get = await serve(built())
    for (const path of ['/assets/none.js', '/assets/..%2fsecret.txt', '/assets/index-abc.js.br', '/secret.txt', '/index.html', '/assets/']) assert.equal((await get(path)).status, 404, path)
  })

  it('are missed in one sentence where nothing was built', async () => {
    const get = await serve(join(temporaryFolder(t), 'none/'))
    const { status, headers, body } = await get('/')
    assert.equal(status, 404)
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    assert.match(body.toString(), /^The web UI was not built: run `npm run build`[^\n]*\.\n$/)
  })

  it('have a form for every browser', () => {
    assert.throws(() => formFor({ type: 'text/html', forms: new Map([['br', Buffer.from('')]]) }, 'gzip'), /no form that every browser takes/)
  })
})
