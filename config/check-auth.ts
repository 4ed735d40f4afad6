import type { Facts } from './facts.ts'
import { isLoopback } from './loopback.ts'

const keySources = ['jwtSecret', 'jwtPublicKey', 'jwksUrl'] as const

/** What the keys under `auth` mean together. */
export function checkAuth ({ draft: { auth }, isFaulty, sourceOf, fault, warn }: Facts): void {
  // One key, one family of algorithms: a server that takes both can be given an HS256 token signed with its public key.
  const given = keySources.filter((name) => auth[name] !== null || isFaulty(`auth.${name}`))
  for (const name of given.slice(1)) {
    const others = given.filter((other) => other !== name).map((other) => `auth.${other} from ${sourceOf(`auth.${other}`)}`)
    fault({ path: `auth.${name}`, message: `can't be used together with ${others.join(' and ')}`, remedy: 'keep one of them: tokens are checked with exactly one kind of key', source: sourceOf(`auth.${name}`) })
  }
  if (auth.tokenFrom === 'username' && auth.usernameMustMatchSub) {
    fault({ path: 'auth.usernameMustMatchSub', message: 'can never be true when the user name is the token', remedy: 'set auth.tokenFrom to password, or usernameMustMatchSub to false', source: sourceOf('auth.usernameMustMatchSub') })
  }
  if (auth.jwtSecret !== null && auth.jwtSecret !== auth.jwtSecret.trim()) {
    warn(`auth.jwtSecret (${sourceOf('auth.jwtSecret')}) starts or ends with white space, which counts as part of it`)
  }
  if (auth.jwksUrl !== null && auth.jwksUrl.startsWith('http:') && !isLoopback(new URL(auth.jwksUrl).hostname)) {
    warn('auth.jwksUrl is fetched without TLS: whoever can change the answer on its way can mint tokens')
  }
}
