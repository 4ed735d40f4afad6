import { createPublicKey } from 'node:crypto'
import jwksRsa from 'jwks-rsa'
import { algorithmsOf, type VerificationKey } from './keys.ts'

/** A signing key of an identity provider. */
export interface ProviderKey extends VerificationKey {
  readonly kid: string | null
}

/** A JWKS is a few kilobytes; more is a mistake or an attack on our memory. */
const MAX_BYTES = 1_048_576

/**
 * Fetches the usable public signing keys once; shared secrets (`oct`) and keys that can't verify here are left out.
 * Rejects when the provider can't be reached or doesn't answer with a JWKS.
 */
export async function fetchKeys (url: string, signal: AbortSignal): Promise<ProviderKey[]> {
  // Its own cache knows neither an outage nor a flood, and its own request only ends when the socket falls idle.
  const client = jwksRsa({ jwksUri: url, cache: false, rateLimit: false, fetcher: (from) => requestJwks(from, signal) })
  const keys: ProviderKey[] = []
  for (const found of await signingKeys(client)) {
    const key = createPublicKey(found.getPublicKey())
    const possible = algorithmsOf(key)
    const algorithms = found.alg === undefined ? possible : possible.filter((alg) => alg === found.alg)
    if (algorithms.length > 0) keys.push({ kid: found.kid ?? null, key, algorithms })
  }
  return keys
}

interface SigningKey {
  readonly kid?: string
  readonly alg?: string
  getPublicKey (): string
}

async function signingKeys (client: jwksRsa.JwksClient): Promise<readonly SigningKey[]> {
  try {
    return await client.getSigningKeys()
  } catch (error) {
    // jwks-rsa throws for a set without signing keys as well; that is an answer, and it withdraws all earlier keys.
    if (error instanceof Error && !('isEndpointUnavailable' in error)) return []
    throw error
  }
}

async function requestJwks (url: string, signal: AbortSignal): Promise<{ keys: unknown[] }> {
  // A redirect could lead from https to http, and so to anybody's keys.
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/jwk-set+json, application/json' } })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`status ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  const keys = typeof body === 'object' && body !== null && 'keys' in body ? body.keys : null
  if (!Array.isArray(keys)) throw new Error('not a JWKS')
  return { keys: keys.filter((key) => typeof key === 'object' && key !== null) }
}
