/** One server-sent event [HTML, 9.2]. */
export interface ServerSentEvent {
  /** What the reader sends as `Last-Event-ID` when it comes back. */
  readonly id?: string
  /** `message` without it. */
  readonly event?: string
  /** Without it the reader learns the `id` and nothing happens. */
  readonly data?: string
}

const LINE_END = /\r\n|\r|\n/g

/** An event as it travels. JSON may have lines of its own, each of which has to say that it is data. */
export function eventText ({ id, event, data }: ServerSentEvent): string {
  return [
    id === undefined ? '' : `id: ${id}\n`,
    event === undefined ? '' : `event: ${event}\n`,
    data === undefined ? '' : `data: ${data.replace(LINE_END, '\ndata: ')}\n`,
    '\n'
  ].join('')
}

/** What tells everybody between the server and its reader that the connection is alive. */
export const HEARTBEAT = ':\n\n'

/** How long a reader that lost the connection waits before it comes back, in milliseconds. */
export function retryText (milliseconds: number): string {
  return `retry: ${milliseconds}\n\n`
}
