import { createSecureContext } from 'node:tls'
import { reasonOf } from './facts.ts'
import type { Facts } from './facts.ts'

/** TLS ports need a certificate and its key: readable, and belonging together. */
export function checkTls (facts: Facts): void {
  const { draft, isFaulty, sourceOf, fault } = facts
  if (isFaulty('tls.cert') || isFaulty('tls.key')) return
  const missing = (['cert', 'key'] as const).filter((name) => draft.tls[name] === null).map((name) => `tls.${name}`)
  if (missing.length > 0) {
    for (const name of ['mqtts', 'https'] as const) {
      if (draft[name].port !== null) fault({ path: `${name}.port`, message: `needs ${missing.join(' and ')}`, remedy: 'name the PEM files of the certificate and its key, or turn the port off', source: sourceOf(`${name}.port`) })
    }
    if (missing.length === 1) {
      const given = missing[0] === 'tls.key' ? 'tls.cert' : 'tls.key'
      fault({ path: given, message: `is of no use without ${missing[0]}`, remedy: `give ${missing[0]} too, or neither`, source: sourceOf(given) })
    }
  }
  const [cert, key] = [read(facts, 'cert'), read(facts, 'key')]
  if (cert === null || key === null) return
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    fault({ path: 'tls.cert', message: `and tls.key can't be used together: ${why}`, remedy: 'both must be PEM files (the key without a passphrase), and the key the one of the first certificate', source: sourceOf('tls.cert') })
  }
}

function read ({ draft, resolve, readFile, fault, sourceOf }: Facts, name: 'cert' | 'key'): string | null {
  const path = draft.tls[name]
  if (path === null) return null
  try {
    return readFile(resolve(path))
  } catch (error) {
    fault({ path: `tls.${name}`, message: `${resolve(path)} can't be read: ${reasonOf(error)}`, remedy: 'correct the path, or let the user that runs Foyer read the file', source: sourceOf(`tls.${name}`) })
    return null
  }
}
