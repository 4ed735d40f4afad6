const FIRST_MS = 250
const MOST_MS = 30_000

/** Grows with every failure and is random from 0 on ("full jitter"), so that many clients do not come back at once. */
export class Backoff {
  readonly #random: () => number
  #failures = 0

  constructor (random: () => number = Math.random) {
    this.#random = random
  }

  /** Milliseconds to wait after one more failure. The first time it is short: most connections come back at once. */
  next (): number {
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(this.#failures, 16))
    this.#failures++
    return Math.floor(this.#random() * most)
  }

  reset (): void {
    this.#failures = 0
  }
}

/** After these it is of no use to come again, whoever asks: the client itself has to be another one. */
const FINAL = new Set([
  0x84, // the protocol version
  0x85, // the client id
  0x8a, // banned
  0x8c, // the authentication method
  0x8e // taken over: two that took a session from each other would do so for ever
])

/** After these another token may help: bad or missing credentials, not authorized, expired. */
const TOKEN = new Set([0x86, 0x87, 0xa0])

/** Fresh tokens that may be refused in a row: keys roll over and clocks differ, but not for long. */
const REFUSED_TOKENS = 3

/** Decides whether to connect again after a CONNACK or DISCONNECT said why not; `null` stands for a lost connection. */
export class Verdict {
  readonly #renewable: boolean
  #refused = 0

  /** `renewable`: whether there are other tokens than the last one. */
  constructor (renewable: boolean) {
    this.#renewable = renewable
  }

  connected (): void {
    this.#refused = 0
  }

  isFinal (reasonCode: number | null): boolean {
    if (reasonCode === null) return false
    if (FINAL.has(reasonCode)) return true
    if (!TOKEN.has(reasonCode)) return false
    this.#refused++
    return !this.#renewable || this.#refused >= REFUSED_TOKENS
  }
}
