import type { FastifyInstance, FastifyRequest } from 'fastify'
import { FoyerError } from '../../protocol/errors.ts'
import { isValidUtf8 } from '../../protocol/envelope.ts'
import { scanJson } from '../../protocol/json-scan.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler gets a body of JSON as its bytes: a number that is read and written again may lose digits. */
    readonly keepsBytes?: boolean
  }
}

/** Reads bodies of JSON, the only ones here. To be called before the routes are added. */
export function readJson (app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (request.routeOptions.config.keepsBytes === true) done(null, body)
    else return parse(request, body.toString(), done)
  })
}

/** A value of a body as the bytes that came. */
export type Raw = Uint8Array

/** The members of the body that a route with `keepsBytes` got. */
export function rawMembers ({ body }: FastifyRequest, known: readonly string[]): ReadonlyMap<string, Raw> {
  const expects = `the body must be a JSON object, with ${known.join(', ')}`
  if (!Buffer.isBuffer(body)) throw new FoyerError('badRequest', expects)
  const shape = isValidUtf8(body) ? scanJson(body) : null
  if (shape === null) throw new FoyerError('badRequest', 'the body is not valid JSON in UTF-8')
  if (!shape.isObject) throw new FoyerError('badRequest', expects)
  const members = new Map<string, Raw>()
  for (let i = 0; i < shape.members.length; i += 4) {
    const [keyStart, keyEnd, start, end] = shape.members.slice(i, i + 4)
    const name = valueOf(body.subarray(keyStart, keyEnd)) as string
    if (!known.includes(name)) throw unknownMember(name, known)
    if (members.has(name)) throw new FoyerError('badRequest', `${name} is given twice`)
    members.set(name, body.subarray(start, end))
  }
  return members
}

export function unknownMember (name: string, known: readonly string[]): FoyerError {
  return new FoyerError('badRequest', `there is no member ${JSON.stringify(name.slice(0, 64))} here: there are ${known.join(', ')}`)
}

export function valueOf (raw: Raw): unknown {
  return JSON.parse(Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString())
}
