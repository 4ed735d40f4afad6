import { connect } from '../../client/index.ts'
import type { Client, ConnectOptions, Message, Room, RoomEvents } from '../../client/index.ts'
import type { Teardown } from './teardown.ts'
import { until } from './within.ts'

/** A client that is closed at the end of the test. */
export async function newClient (t: Teardown, options: ConnectOptions): Promise<Client> {
  const client = await connect(options)
  t.after(() => client.close({ drain: 0 }))
  return client
}

/** Collects the messages of one event of a room. */
export function collect (room: Room, event: Exclude<keyof RoomEvents, 'error'>): Message[] {
  const messages: Message[] = []
  room.on(event, message => messages.push(message))
  return messages
}

/** Texts of `{ text }`, in order. */
export function texts (messages: readonly Message[]): unknown[] {
  return messages.map(({ payload }) => (payload as { text?: unknown }).text)
}

export async function arrived (list: readonly unknown[], count: number, ms = 10_000): Promise<void> {
  await until(() => list.length >= count, `that ${count} arrive, ${list.length} are here`, ms)
}
