import type { Teardown } from './teardown.ts'
import { PATIENCE_MS, within } from './within.ts'

/** One event as a reader gets it. */
export interface ReadEvent {
  /** The id that a reader has behind it, of this event or one before. */
  readonly id: string
  readonly event: string
  readonly data: string
}

/** A reader of server-sent events that follows the words of the specification, and does not come back by itself. */
export class EventReader {
  readonly status: number
  readonly headers: Headers
  /** What came and was not taken. */
  readonly inbox: ReadEvent[] = []
  /** What would be sent as `Last-Event-ID`; also from events without data. */
  lastEventId = ''
  comments = 0
  retry = 0
  ended = false
  /** Of an answer that is no stream. */
  text = ''

  private readonly abort: AbortController
  private waiting: (() => void)[] = []

  private constructor (status: number, headers: Headers, abort: AbortController) {
    this.status = status
    this.headers = headers
    this.abort = abort
  }

  /** It begins to read when `hold` resolves. */
  static async open (t: Teardown, url: string, token: string | null, headers: Record<string, string> = {}, hold = Promise.resolve()): Promise<EventReader> {
    const abort = new AbortController()
    t.after(() => abort.abort())
    const response = await fetch(url, { headers: { ...token !== null && { authorization: `Bearer ${token}` }, ...headers }, signal: abort.signal })
    const reader = new EventReader(response.status, response.headers, abort)
    if (response.status === 200) void hold.then(() => reader.run(response.body!)).catch(() => {}).finally(() => reader.end())
    else reader.text = await response.text()
    return reader
  }

  close (): void {
    this.abort.abort()
  }

  /** The next events of this kind, in order; those of others are left out. */
  async take (count: number, event = 'message', ms = PATIENCE_MS): Promise<ReadEvent[]> {
    const taken: ReadEvent[] = []
    await within(ms, `${count} events "${event}"`, (async () => {
      while (taken.length < count) {
        const index = this.inbox.findIndex(one => one.event === event)
        if (index >= 0) taken.push(...this.inbox.splice(0, index + 1).slice(-1))
        else if (this.ended) throw new Error(`the stream ended after ${taken.length} of ${count} events "${event}"`)
        else await new Promise<void>(resolve => this.waiting.push(resolve))
      }
    })())
    return taken
  }

  private async run (body: ReadableStream<Uint8Array>): Promise<void> {
    let rest = ''
    let event = ''
    let data: string[] = []
    const decoder = new TextDecoder()
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r/)
      rest = lines.pop()!
      for (const line of lines) {
        const [, field, value = ''] = /^([^:]*):? ?(.*)$/s.exec(line)!
        if (line === '') {
          if (data.length > 0) this.inbox.push({ id: this.lastEventId, event: event === '' ? 'message' : event, data: data.join('\n') })
          event = ''
          data = []
        } else if (field === '') {
          this.comments++
        } else if (field === 'event') {
          event = value
        } else if (field === 'data') {
          data.push(value)
        } else if (field === 'id') {
          this.lastEventId = value
        } else if (field === 'retry') {
          this.retry = Number(value)
        }
      }
      this.wake()
    }
  }

  private end (): void {
    this.ended = true
    this.wake()
  }

  private wake (): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}
