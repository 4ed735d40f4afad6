import type { Entry } from '../../devices/index.ts'
import type { FoyerClientError } from '../../client/index.ts'

/** How long the same of other devices is only counted. */
const QUIET_MS = 5_000

interface Heard {
  readonly what: string
  more: number
  readonly timer: NodeJS.Timeout
}

/**
 * Says what went wrong, for people: the first time at once and in full, and the same of any number of devices as one line
 * after some seconds. A server that restarts under 2,000 devices makes two lines.
 */
export class Notices {
  readonly #say: (line: string) => void
  /** By what happened and the code of its error: there is one of each at most. */
  readonly #heard = new Map<string, Heard>()

  constructor (say: (line: string) => void) {
    this.#say = say
  }

  failed (error: FoyerClientError, { name }: Entry): void {
    this.#hear('failed', error, `${name}: ${error.topic === '' || error.message.includes(error.topic) ? '' : `${error.topic}: `}${error.message} [${error.code}]. ${error.remedy}`)
  }

  lost (error: FoyerClientError, { name }: Entry): void {
    this.#hear('lost', error, `${name} lost its connection: ${error.message} [${error.code}]`)
  }

  /** Says what was only counted so far. */
  flush (): void {
    for (const [key, { timer }] of this.#heard) {
      clearTimeout(timer)
      this.#end(key)
    }
  }

  #hear (kind: 'failed' | 'lost', { code }: FoyerClientError, line: string): void {
    const key = `${kind} ${code}`
    const heard = this.#heard.get(key)
    if (heard !== undefined) {
      heard.more++
      return
    }
    this.#say(line)
    const timer = setTimeout(() => this.#end(key), QUIET_MS)
    timer.unref()
    this.#heard.set(key, { what: kind === 'lost' ? 'lost connections' : 'refusals', more: 0, timer })
  }

  #end (key: string): void {
    const { what, more } = this.#heard.get(key)!
    this.#heard.delete(key)
    if (more > 0) this.#say(`and ${more} more ${what} [${key.split(' ')[1]}]`)
  }
}
