import type { Facts } from './facts.ts'
import { isLoopback } from './loopback.ts'

/** Ports that collide, and ports through which tokens would cross a network unencrypted. */
export function checkPorts (facts: Facts): void {
  checkTwice(facts)
  checkExposure(facts)
}

function checkTwice ({ draft, sourceOf, fault }: Facts): void {
  const users = new Map<number, string>()
  for (const name of ['mqtt', 'mqtts', 'http', 'https'] as const) {
    const { port } = draft[name]
    if (port === null || port === 0) continue
    const other = users.get(port)
    if (other === undefined) users.set(port, `${name}.port`)
    else fault({ path: `${name}.port`, message: `${port} is used by ${other} too`, remedy: 'give each its own port, or turn one off', source: sourceOf(`${name}.port`) })
  }
}

function checkExposure ({ draft, isFaulty, sourceOf, fault, warn }: Facts): void {
  const { host, mqtt, http, auth, insecure } = draft
  if (isLoopback(host) || isFaulty('insecure')) return
  const plain = [mqtt.port === null ? '' : `mqtt.port ${mqtt.port}`, http.port === null ? '' : `http.port ${http.port}`].filter((name) => name !== '')
  const exposed: string[] = []
  if (plain.length > 0) exposed.push(`tokens and messages pass unencrypted through ${plain.join(' and ')}`)
  if (auth.anonymous !== 'off') exposed.push(`anyone may connect as ${auth.anonymous} without a token (auth.anonymous)`)
  if (exposed.length === 0) return
  const message = `${host} is reachable from other machines, and ${exposed.join('; ')}`
  if (insecure) {
    warn(`INSECURE: ${message}`)
    return
  }
  const instead = [
    plain.length > 0 ? 'serve TLS on mqtts.port and https.port with mqtt.port and http.port off, or listen on 127.0.0.1 behind a proxy that does' : '',
    auth.anonymous === 'off' ? '' : 'set auth.anonymous to off'
  ].filter((part) => part !== '').join(', and ')
  fault({ path: 'host', message, remedy: `${instead}; or accept it with --insecure (insecure: true)`, source: sourceOf('host') })
}
