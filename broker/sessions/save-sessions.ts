import { RecordType } from '../../protocol/record.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import type { Subscription } from '../router/subscription.ts'
import type { Session } from './session.ts'
import { writeHead, writeProgress, writeShared, writeSubscription, type SavedSubscription, type Step } from './session-records.ts'

/** Records that lead to the sessions of now, for a snapshot; `time` is the position of the newest message. */
export function * saveSessions (writer: RecordWriter, sessions: Iterable<Session>, time: number): Generator<void> {
  writer.begin(RecordType.progress, time)
  writeShared(writer, time)
  writer.end()
  for (const session of sessions) {
    if (!session.recorded) continue
    writer.begin(RecordType.session, time)
    writeHead(writer, session.head, true)
    writer.end()
    for (const [filter, subscription] of session.subscriptions) {
      writer.begin(RecordType.subscription, time)
      writeSubscription(writer, session.id, filter, asOfNow(session, filter, subscription))
      writer.end()
    }
    if (session.kept) {
      writer.begin(RecordType.progress, time)
      const pending = Array.from(session.inbound.keys(), (packetId): Step => ({ kind: 'pending', packetId }))
      const replaying = Array.from(session.replays, ([filter, { ahead }]): Step => ({ kind: 'replaying', filter, time: ahead }))
      writeProgress(writer, session.id, [...session.outbound.steps(), ...pending, ...replaying], session.outbound.position())
      writer.end()
    }
    yield
  }
}

function asOfNow ({ replays }: Session, filter: string, subscription: Subscription): SavedSubscription {
  const { replay } = subscription
  if (replay === null || replay.over) return { ...subscription, replay: null }
  const { position = replay.upTo, complete = replay.complete } = replays.get(filter) ?? {}
  return { ...subscription, replay: { ...replay, upTo: position, complete } }
}
