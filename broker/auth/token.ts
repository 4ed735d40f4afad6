import { FoyerError } from '../../protocol/errors.ts'

/** The longest token that is looked at; anything longer costs memory and time before its signature is known. */
export const MAX_LENGTH = 16_384

const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** A token taken apart. Nothing in it can be believed before its signature is checked. */
export interface ParsedToken {
  readonly text: string
  readonly alg: string
  readonly kid: string | null
  readonly payload: Readonly<Record<string, unknown>>
}

/** Whether a password was meant to be a JWT. */
export function looksLikeToken (text: string): boolean {
  return SHAPE.test(text)
}

/** Takes a compact JWS apart, or says what is wrong with its form. */
export function parseToken (text: string): ParsedToken {
  if (text.length > MAX_LENGTH) throw malformed(`the token is longer than ${MAX_LENGTH} bytes`)
  if (!SHAPE.test(text)) throw malformed(faultOfShape(text))
  const [header, payload, signature] = text.split('.') as [string, string, string]

  const { alg, kid, crit } = readObject('header', header)
  if (typeof alg !== 'string') throw malformed('the header of the token names no algorithm (alg)')
  if (kid !== undefined && typeof kid !== 'string') throw malformed('the kid in the header of the token is not a string')
  // RFC 7515, 4.1.11: extensions that the token calls critical and we don't know must be refused; we know none.
  if (crit !== undefined) throw malformed('the header of the token demands extensions (crit), and none is supported')

  const claims = readObject('payload', payload)
  // One signature, one spelling: spare bits at the end would let the same token be written in several ways.
  if (Buffer.from(signature, 'base64url').toString('base64url') !== signature) throw malformed('the signature of the token is not base64url')
  return { text, alg, kid: kid ?? null, payload: claims }
}

function readObject (part: string, encoded: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64url')))
  } catch {
    // The parser's own message quotes its input, so it goes no further.
    throw malformed(`the ${part} of the token is not JSON in base64url`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`the ${part} of the token is not a JSON object`)
  return value as Record<string, unknown>
}

function faultOfShape (text: string): string {
  if (/^bearer\s/i.test(text)) return 'the token starts with "Bearer "; give the JWT alone'
  if (/\s/.test(text)) return 'the token contains spaces or line breaks'
  const parts = text.split('.').length
  if (parts === 5) return 'the token is encrypted (a JWE, five parts); only signed tokens are read here'
  if (parts !== 3) return `a JWT has three parts joined by dots, this has ${parts}`
  return 'the token contains characters outside base64url, or an empty part'
}

function malformed (message: string): FoyerError {
  return new FoyerError('tokenMalformed', message)
}
