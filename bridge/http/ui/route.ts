import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hidden } from '../docs/describe.ts'
import { onNotFound } from '../errors.ts'
import { formFor, readUiFiles, type UiFile } from './files.ts'

/** Only what this server sends: no script or style inside the page, nothing from elsewhere, in no frame. */
const UI_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const NOT_BUILT = 'The web UI was not built: run `npm run build` in the folder of Foyer and start it again. Everything else works without it.\n'

/** Names have a hash of what is in them: what is there never changes. */
const FOR_EVER = 'public, max-age=31536000, immutable'

/** The web UI at `/`, and its assets. */
export function uiRoutes (app: FastifyInstance, files = readUiFiles()): void {
  const index = files.get('index.html')
  app.get('/', { schema: hidden }, async (request, reply) => {
    if (index === undefined) return reply.code(404).type('text/plain; charset=utf-8').send(NOT_BUILT)
    return send(request, reply.header('content-security-policy', UI_POLICY).header('cache-control', 'no-cache'), index)
  })
  app.get('/assets/:name', { schema: hidden }, async (request: FastifyRequest<{ Params: { name: string } }>, reply) => {
    const file = files.get(`assets/${request.params.name}`)
    if (file === undefined) return onNotFound(request, reply)
    return send(request, reply.header('cache-control', FOR_EVER), file)
  })
}

function send (request: FastifyRequest, reply: FastifyReply, file: UiFile): FastifyReply {
  const [encoding, bytes] = formFor(file, String(request.headers['accept-encoding'] ?? ''))
  if (encoding !== null) reply.header('content-encoding', encoding)
  return reply.header('vary', 'Accept-Encoding').type(file.type).send(bytes)
}
