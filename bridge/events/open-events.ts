import type { Readable } from 'node:stream'
import type { IPublishPacket } from 'mqtt-packet'
import type { Logger } from 'pino'
import type { Broker } from '../../broker/index.ts'
import { EventStream } from './event-stream.ts'
import { eventText, HEARTBEAT, retryText } from './event-text.ts'
import { Follower, type FollowerOptions } from './follower.ts'
import { followedMessage } from './message-text.ts'

/** Milliseconds until a browser that lost the connection comes back. */
const RETRY_MS = 1000

export interface OpenEventsOptions extends Pick<FollowerOptions, 'identity' | 'peer' | 'filter'> {
  readonly broker: Pick<Broker, 'attach' | 'channels'>
  /** Milliseconds without an event after which a sign of life is sent. */
  readonly heartbeat: number
  readonly logger: Pick<Logger, 'error'>
  /** Aborts when nobody is there to read any more. */
  readonly signal: AbortSignal
}

/** The events of a filter as text, read at the speed of their reader. Throws FoyerError when they are refused. */
export async function openEvents ({ broker, heartbeat, logger, signal, ...options }: OpenEventsOptions): Promise<Readable> {
  const events = new EventStream()
  let text = retryText(RETRY_MS)
  const flush = (): void => {
    if (text === '') return
    if (!events.write(text)) follower.pause()
    text = ''
  }
  const follower = new Follower({
    ...options,
    broker,
    onMessage: packet => { text += packet.topic.startsWith('$') ? ownText(packet) : messageText(packet) },
    onBatch: flush,
    onEnd: (code, message) => {
      text += eventText({ event: 'end', data: JSON.stringify({ code, message }) })
      flush()
      events.end()
    },
    onFailure: error => logger.error({ err: error, filter: options.filter }, 'events could not be brought on')
  })
  events.onRoom = () => follower.resume()
  await follower.open(signal)
  const beat = setInterval(() => {
    follower.ping()
    if (events.wasQuiet()) events.write(HEARTBEAT)
  }, Math.min(heartbeat, follower.keepalive))
  events.once('close', () => {
    clearInterval(beat)
    follower.close()
  })
  flush()
  return events

  function messageText (packet: IPublishPacket): string {
    const { id, text } = followedMessage(broker.channels, packet)
    return eventText({ ...id !== null && { id }, data: text })
  }
}

/** What the broker says to this connection. */
function ownText ({ topic, payload }: IPublishPacket): string {
  const data = payload.toString()
  switch (topic) {
    case '$me/errors': return eventText({ event: 'problem', data })
    case '$me/auth/expiring': return eventText({ event: 'expiring', data })
    case '$me/replay': {
      const { cursor, replayed, complete } = JSON.parse(data) as { cursor: string, replayed?: number, complete?: boolean }
      // Without a marker it only says how far the reader is.
      return eventText({ id: cursor, ...complete !== undefined && { event: 'live', data: JSON.stringify({ replayed, complete }) } })
    }
  }
  return ''
}
