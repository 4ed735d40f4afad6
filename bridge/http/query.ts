import type { FastifyRequest } from 'fastify'
import { FoyerError } from '../../protocol/errors.ts'

/**
 * The query of a request by name, only the names in `known`, each at most once.
 *
 * Unlike in forms a `+` is a `+`: topic filters and time zones are full of them, and nobody escapes them in a shell.
 */
export function queryOf (request: FastifyRequest, known: readonly string[]): ReadonlyMap<string, string> {
  const query = new Map<string, string>()
  const start = request.url.indexOf('?')
  if (start < 0) return query
  for (const pair of request.url.slice(start + 1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    if (!known.includes(name)) throw new FoyerError('badRequest', `there is no parameter ${JSON.stringify(name)} here: ${known.length === 0 ? 'it takes none' : `there are ${known.join(', ')}`}`)
    if (query.has(name)) throw new FoyerError('badRequest', `the parameter ${name} is given twice`)
    query.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
  }
  return query
}

/** An address without a parameter of the query, and what that is; null when it is not there. */
export function withoutParameter (url: string, name: string): { readonly url: string, readonly value: string | null } {
  const [path = '', query] = splitAt(url, '?')
  if (query === undefined) return { url, value: null }
  let value: string | null = null
  const rest: string[] = []
  for (const pair of query.split('&')) {
    const [key = '', text = ''] = splitAt(pair, '=')
    if (key !== name) {
      rest.push(pair)
      continue
    }
    if (value !== null) throw new FoyerError('badRequest', `the parameter ${name} is given twice`)
    value = decode(text)
  }
  return { url: rest.length === 0 ? path : `${path}?${rest.join('&')}`, value }
}

function splitAt (text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

function decode (text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new FoyerError('badRequest', `the query holds ${JSON.stringify(text)}, whose % is not followed by the two digits of a UTF-8 byte`, { cause })
  }
}
