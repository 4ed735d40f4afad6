import type { Counters } from '../../devices/index.ts'

/** Milliseconds between two lines, on a terminal that can write over the last one and elsewhere. */
const LIVE_MS = 500
const LINE_MS = 10_000

/** The line of counters: one that changes on a terminal, else one now and then. */
export class Progress {
  readonly #read: () => Counters
  readonly #out: NodeJS.WriteStream
  #timer: NodeJS.Timeout | undefined

  constructor (out: NodeJS.WriteStream, read: () => Counters) {
    this.#out = out
    this.#read = read
  }

  start (): void {
    this.#show()
    this.#timer = setInterval(() => this.#show(), this.#out.isTTY ? LIVE_MS : LINE_MS)
  }

  /** Makes room for another line on the terminal. */
  clear (): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K')
  }

  stop (): void {
    clearInterval(this.#timer)
    this.clear()
  }

  #show (): void {
    const counters = this.#read()
    const line = `${counters.connected} of ${counters.devices} connected, ${describe(counters)}`
    // A line that wraps could not be written over.
    this.#out.write(this.#out.isTTY ? `\r\x1b[K${line.slice(0, this.#out.columns - 1)}` : `${line}\n`)
  }
}

/** `12 published, 8 acknowledged, ...`: what happened so far. */
export function describe ({ published, acknowledged, commands, results, errors, reconnects, dropped }: Omit<Counters, 'devices' | 'connected' | 'wills'>): string {
  return Object.entries({ published, acknowledged, commands, results, errors, reconnects, dropped }).map(([name, count]) => `${count} ${name}`).join(', ')
}
