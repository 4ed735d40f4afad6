import { fastifySwagger } from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { errors } from '../../../protocol/errors.ts'
import { TAGS } from './describe.ts'
import { integer, object, text } from './schema.ts'

const DESCRIPTION = `Rooms on MQTT, and what there is of them over HTTP. MQTT itself is at \`/mqtt\` of the same port, as a WebSocket.

Tokens are JWTs, the same as for MQTT, with the same roles. Errors are \`application/problem+json\` with a code that programs can go by, what exactly was wrong, and what to do about it. A parameter or member that is not known is an error. A \`+\` in an address is a \`+\`.`

const problemSchema = {
  $id: 'Problem',
  ...object({
    type: text('`urn:foyer:error:` and the code', 'urn:foyer:error:policy'),
    title: text('what the code means', 'your token does not grant this'),
    status: integer('the HTTP status', 403),
    code: text('the same as over MQTT: see docs/errors.md', 'policy', { enum: [...errors.keys()] }),
    detail: text('what exactly was wrong with this request'),
    remedy: text('what to do about it')
  }, { description: 'What was wrong [RFC 9457].' })
}

/** Gathers the descriptions of all routes that are added from here on, into what `app.swagger()` returns once it is ready. */
export function gatherDescriptions (app: FastifyInstance, version: string): void {
  app.addSchema(problemSchema)
  // Not registered: that would happen when all routes are there already.
  fastifySwagger(app, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Foyer', version, description: DESCRIPTION, license: { name: 'MIT', identifier: 'MIT' } },
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A JWT that this server accepts; `foyer token` makes one. Where the configuration lets anybody in (`auth.anonymous`), it may be left out.' },
          ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'For those who can\'t send a header: good for one request, from `POST /api/tickets`.' }
        }
      }
    },
    // What has no description is no part of the interface; a test names it if it should be.
    hideUntagged: true,
    refResolver: { buildLocalReference: ({ $id }) => String($id) }
  }, () => {})
}
