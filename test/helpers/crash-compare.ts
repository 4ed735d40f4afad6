import type { Arrivals } from './crash-arrivals.ts'
import type { Findings } from './crash-findings.ts'
import type { CrashPublisher } from './crash-publisher.ts'

/** Which copies of a message are too many. */
export interface Rule {
  /** QoS 2: nothing may come twice, also not what was sent again. */
  readonly exactlyOnce: boolean
  /** Copies that were marked as repetitions do not count. */
  readonly repetitionsAllowed?: boolean
}

/**
 * Holds what arrived at one place against what the publishers know: everything acknowledged, in their order, nothing
 * else, and no copy that nobody can answer for.
 */
export function compare (where: string, arrivals: Arrivals, publishers: readonly CrashPublisher[], { exactlyOnce, repetitionsAllowed = false }: Rule, findings: Findings): void {
  for (const { name, next, acknowledged, repeats } of publishers) {
    const arrived = arrivals.byClient.get(name)
    for (let sequence = 0; sequence < next; sequence++) {
      const copies = arrived?.copies[sequence] ?? 0
      if (copies === 0 && acknowledged.has(sequence)) findings.add(`acknowledged messages missing ${where}`, `${name}/${sequence}`)
      const sent = 1 + (repeats.get(sequence) ?? 0)
      const counted = repetitionsAllowed ? arrived?.fresh[sequence] ?? 0 : copies
      if (counted > (exactlyOnce ? 1 : sent)) findings.add(`messages too often ${where}`, `${name}/${sequence}: ${counted} copies, sent ${sent === 1 ? 'once' : `${sent} times`}`)
    }
    for (let sequence = next; sequence < (arrived?.copies.length ?? 0); sequence++) {
      if (arrivals.has(name, sequence)) findings.add(`messages ${where} that nobody sent`, `${name}/${sequence}`)
    }
  }
  const names = new Set(publishers.map(({ name }) => name))
  for (const client of arrivals.byClient.keys()) if (!names.has(client)) findings.add(`messages ${where} that nobody sent`, `${client}/...`)
  for (const message of arrivals.strange) findings.add(`messages ${where} that nobody sent`, message)
  for (const message of arrivals.overtaken) findings.add(`messages that were overtaken by a later one of their sender ${where}`, message)
}
