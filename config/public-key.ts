import { createPublicKey } from 'node:crypto'
import { reasonOf } from './facts.ts'
import type { Facts } from './facts.ts'

/** The PEM text of `auth.jwtPublicKey`, which may be given as the path of a file; `null` if there is none or it is of no use. */
export function publicKeyText ({ draft, resolve, readFile, fault, sourceOf }: Facts): string | null {
  const given = draft.auth.jwtPublicKey
  if (given === null) return null
  const refuse = (message: string, remedy: string): null => {
    fault({ path: 'auth.jwtPublicKey', message, remedy, source: sourceOf('auth.jwtPublicKey') })
    return null
  }
  let pem = given
  if (given.includes('-----BEGIN')) {
    // Environment files can't hold line breaks; \n is how people put them there.
    pem = given.replaceAll('\\n', '\n')
  } else {
    try {
      pem = readFile(resolve(given))
    } catch (error) {
      return refuse(`is neither PEM text nor a file that can be read: ${reasonOf(error)}`, 'give the text from -----BEGIN PUBLIC KEY----- on, or the path of a file with it')
    }
  }
  if (pem.includes('PRIVATE KEY')) return refuse('is a private key', 'give the public half alone: openssl pkey -in key.pem -pubout')
  return unusable(pem, refuse) ?? pem
}

function unusable (pem: string, refuse: (message: string, remedy: string) => null): null | undefined {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey(pem)
    if (type !== 'rsa' && type !== 'ec') return refuse(`is a key of type ${type}`, 'RS* tokens need an RSA key, ES* tokens an EC key')
    // RFC 7518, 3.3.
    if (type === 'rsa' && (details?.modulusLength ?? 0) < 2048) return refuse(`is an RSA key of ${details?.modulusLength} bits`, 'use one of at least 2048')
    return undefined
  } catch {
    return refuse('holds no public key in PEM', 'give the text from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----')
  }
}
