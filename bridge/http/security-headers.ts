import type { FastifyInstance } from 'fastify'

const headers = {
  // Nothing at all, in no frame: the web UI brings a policy of its own.
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  // Answers depend on the token and on the moment.
  'cache-control': 'no-store'
}

export function addSecurityHeaders (app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => { reply.headers(headers) })
}
