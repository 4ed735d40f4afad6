import { isReplay, replayed } from '../../../protocol/replay.ts'

/** Where a subscription begins. */
export const BEGINNINGS = [
  { name: 'now', text: 'From now on' },
  { name: 'last=100', text: 'Last 100 messages' },
  { name: '10m', text: 'Last 10 minutes' },
  { name: '1h', text: 'Last hour' },
  { name: '24h', text: 'Last 24 hours' },
  { name: 'from', text: 'From a time…' }
] as const

export type Beginning = typeof BEGINNINGS[number]['name']

/** The same in the words of a replay; null: with what comes. `time` is what a field for local time says. */
export function sinceOf (beginning: Beginning, time: string): string | null {
  if (beginning === 'now') return null
  return beginning === 'from' ? `from=${Date.parse(time)}` : beginning
}

export interface Wanted {
  readonly filter: string
  readonly since: string | null
}

/** What is asked for: a filter may also be written as the replay that it is. */
export function wantedOf (written: string, since: string | null): Wanted {
  const filter = replayed(written)
  if (since !== null || !isReplay(written) || filter === written) return { filter: written, since }
  return { filter, since: written.slice(written.indexOf('/') + 1, -filter.length - 1) }
}

/** The same as one filter. */
export function nameOf ({ filter, since }: Wanted): string {
  return since === null ? filter : `$replay/${since}/${filter}`
}
