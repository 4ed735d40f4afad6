import { FoyerError } from '../../protocol/errors.ts'
import { fetchKeys, type ProviderKey } from './jwks-fetch.ts'
import { fits, type VerificationKey } from './keys.ts'
import { quote } from './quote.ts'

export interface JwksOptions {
  readonly url: string
  /** Milliseconds for which fetched keys are good. */
  readonly maxAge: number
  /** Milliseconds after which a fetch is given up. */
  readonly timeout: number
  readonly now: () => number
}

export interface Jwks {
  /** The key for a token's header, or a FoyerError: tokenKeyUnknown, tokenAlgorithm, keysUnavailable. */
  find (kid: string | null, alg: string): Promise<VerificationKey>
  close (): void
}

/** A new key is known at the latest this long after it was published, and random kids cost the provider no more than this. */
const REFETCH_AFTER = 10_000
/** The pace of asking a provider that failed. */
const RETRY_AFTER = 2_000
/** How long an outage is bridged with the last known keys: a key withdrawn meanwhile would still be trusted. */
const STALE_FOR = 86_400_000

/** The keys behind a JWKS URL: fetched when needed, shared by all look-ups, kept through an outage. */
export function createJwks ({ url, maxAge, timeout, now }: JwksOptions): Jwks {
  const closing = new AbortController()
  let keys: readonly ProviderKey[] = []
  let fetchedAt = -Infinity
  let triedAt = -Infinity
  let failure: unknown = null
  let running: Promise<void> | null = null

  // A clock that was set back must not stop fetching until it has caught up, hence the absolute values.
  const age = (): number => Math.abs(now() - fetchedAt)
  const mayFetch = (): boolean => running !== null || Math.abs(now() - triedAt) >= (failure === null ? REFETCH_AFTER : RETRY_AFTER)

  /** Starts a fetch, or joins the one under way. Its promise never rejects: `failure` tells. */
  function start (): Promise<void> {
    if (running !== null) return running
    triedAt = now()
    running = fetchKeys(url, AbortSignal.any([closing.signal, AbortSignal.timeout(timeout)])).then((fetched) => {
      keys = fetched
      fetchedAt = now()
      failure = null
    }, (error: unknown) => {
      failure = error
    }).finally(() => {
      running = null
    })
    return running
  }

  async function renew (): Promise<void> {
    if (age() < maxAge) return
    const fetching = mayFetch() || failure === null ? start() : null
    // Nobody waits again for a provider that just failed while older keys still serve.
    const serving = failure !== null && age() < maxAge + STALE_FOR
    if (!serving) await fetching
    if (age() >= maxAge + STALE_FOR) throw unavailable()
  }

  function unavailable (): FoyerError {
    return new FoyerError('keysUnavailable', `the keys to check the token could not be fetched from ${withoutSecrets(url)}`, { cause: failure })
  }

  function unknown (kid: string | null): FoyerError {
    if (kid !== null) return new FoyerError('tokenKeyUnknown', `the token names the key ${quote(kid)}, which the JWKS does not have`)
    return new FoyerError('tokenKeyUnknown', `the token names no key (kid), and the JWKS has ${keys.length} signing keys to choose from`)
  }

  const matching = (kid: string | null): readonly ProviderKey[] => {
    if (kid !== null) return keys.filter((key) => key.kid === kid)
    return keys.length === 1 ? keys : []
  }

  return {
    async find (kid, alg) {
      await renew()
      let candidates = matching(kid)
      if (candidates.length === 0 && mayFetch()) {
        await start()
        candidates = matching(kid)
      }
      const [first] = candidates
      if (first === undefined) throw failure === null ? unknown(kid) : unavailable()
      const key = candidates.find((candidate) => fits(candidate, alg))
      if (key !== undefined) return key
      throw new FoyerError('tokenAlgorithm', `the token is signed with ${alg}, its key is for ${first.algorithms.join(', ')}`)
    },
    close () {
      closing.abort()
    }
  }
}

/** Addresses may carry a password or a key in the query, and messages are read by clients. */
function withoutSecrets (url: string): string {
  try {
    const { origin, pathname } = new URL(url)
    return origin + pathname
  } catch {
    return 'auth.jwksUrl'
  }
}
