import type { FastifyInstance, FastifyRequest } from 'fastify'
import { queryOf } from '../query.ts'
import { describe, hidden } from './describe.ts'
import { EXAMPLE_ORIGIN } from './curl-line.ts'
import { docsPage, type ApiDocument } from './page.ts'
import { style } from './style.ts'

const JSON_TYPE = 'application/json'

const document = {
  description: 'OpenAPI 3.1.',
  schema: { type: 'object', description: 'an OpenAPI document', required: ['openapi', 'info', 'paths'] }
}

const docsSchema = describe({
  id: 'getDocs',
  tag: 'About',
  summary: 'This page, or the document behind it',
  description: 'A page for browsers; with `Accept: application/json` the OpenAPI document of all addresses, which is also at `/api/docs/openapi.json`.',
  who: 'anyone',
  method: 'GET',
  path: '/api/docs',
  answers: { 200: { ...document, description: 'A page, or OpenAPI 3.1.', alsoAs: { 'text/html': { type: 'string' } } } },
  problems: ['badRequest']
})

const openapiSchema = describe({
  id: 'getOpenApi',
  tag: 'About',
  summary: 'All addresses, for programs',
  description: 'What generates clients reads this.',
  who: 'anyone',
  method: 'GET',
  path: '/api/docs/openapi.json',
  answers: { 200: document },
  problems: ['badRequest']
})

/** The page has a style sheet, and nothing else. */
const PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** `GET /api/docs`: what there is over HTTP, for people and for programs. */
export function docsRoutes (app: FastifyInstance): void {
  // Made once, by the first who asks: all routes are there then.
  const json = once(() => JSON.stringify(app.swagger()))
  const page = once(() => docsPage(JSON.parse(json()) as ApiDocument))

  app.get('/api/docs', { schema: docsSchema }, async (request, reply) => {
    queryOf(request, [])
    reply.header('vary', 'Accept')
    return wantsJson(request)
      ? reply.type(JSON_TYPE).send(fromHere(json(), request))
      : reply.header('content-security-policy', PAGE_POLICY).type('text/html; charset=utf-8').send(fromHere(page(), request))
  })
  app.get('/api/docs/openapi.json', { schema: openapiSchema }, async (request, reply) => {
    queryOf(request, [])
    return reply.type(JSON_TYPE).send(fromHere(json(), request))
  })
  app.get('/api/docs/style.css', { schema: hidden }, async (_request, reply) => reply.type('text/css; charset=utf-8').send(style))
}

/** Browsers name HTML, and take anything else as well. */
function wantsJson ({ headers: { accept = '' } }: FastifyRequest): boolean {
  return /\bapplication\/(openapi\+)?json\b/i.test(accept) && !/\btext\/html\b/i.test(accept)
}

function once (make: () => string): () => string {
  let made: string | null = null
  return () => (made ??= make())
}

/** With the lines as they work from where the reader is. */
function fromHere (text: string, { protocol, host }: FastifyRequest): string {
  // The lines are pasted into shells: a Host header that is more than a host does not get there.
  const authority = /^[\w.:[\]-]+$/.test(host) ? host : 'localhost'
  return text.replaceAll(EXAMPLE_ORIGIN, `${protocol}://${authority}`)
}
