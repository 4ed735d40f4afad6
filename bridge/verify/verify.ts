import type { FileDamage, InspectedFile, StoredMessage } from '../../broker/index.ts'
import { readMessage, recordTime, RecordType, recordType, type MessageRecord } from '../../protocol/record.ts'
import type { Forgotten, KeepingStore } from '../store/store.ts'
import { problemsOf } from './problems.ts'
import { Sample } from './sample.ts'
import { StoreWalk } from './store-walk.ts'
import type { Disordered, Verification } from './verification.ts'

export interface VerifyOptions {
  /** As `inspectJournal` reads them. */
  readonly files: AsyncIterable<InspectedFile>
  readonly store: Pick<KeepingStore, 'range' | 'count' | 'newestAtOpen' | 'removals' | 'erasures'>
  /** Whether messages of a channel survive power loss in the journal as well. */
  readonly isDurable: (channel: string) => boolean
}

const typeNames = new Map<number, string>(Object.entries(RecordType).map(([name, type]) => [type, name]))

/** Reads a journal and compares each stored message in it with the store. Nobody may write to either meanwhile. */
export async function verify ({ files, store, isDurable }: VerifyOptions): Promise<Verification> {
  const newest = store.newestAtOpen ?? 0
  const journal = { files: 0, bytes: 0, tornBytes: 0, givenUpBytes: 0 }
  const records: Record<string, number> = {}
  const damages: FileDamage[] = []
  const disordered: Disordered[] = []
  const balance = { journaled: 0, stored: 0, different: 0, pending: 0, forgotten: 0, missing: 0 }
  const samples = { missing: new Sample(), different: new Sample(), repeated: new Sample(), lost: new Sample() }
  let alone = 0
  let older = 0
  let first: number | null = null
  let last = 0
  let walk: StoreWalk | null = null
  const isForgotten = forgets(store)

  for await (const { path, bytes, records: starts, ...file } of files) {
    journal.files++
    journal.bytes += bytes.length
    journal.tornBytes += file.tornBytes
    journal.givenUpBytes += file.givenUpBytes
    damages.push(...file.damages)
    const { omits } = file
    if (omits !== null && first !== null) await passUntil(walk ??= new StoreWalk(store, first - 1), omits.after + 1)
    for (const start of starts) {
      const type = typeNames.get(recordType(bytes, start)) ?? 'unknown'
      records[type] = (records[type] ?? 0) + 1
      const position = recordTime(bytes, start)
      first ??= position
      if (position <= last) disordered.push({ path, offset: start, position })
      last = Math.max(last, position)
      if (type !== 'message') continue
      const message = readMessage(bytes, start)
      if (!message.stored) continue
      balance.journaled++
      if (message.time > newest) {
        balance.pending++
        continue
      }
      walk ??= new StoreWalk(store, first - 1)
      await passUntil(walk, message.time, omits !== null)
      take(message, walk)
    }
    if (omits !== null && first !== null) await passUntil(walk ??= new StoreWalk(store, first - 1), omits.upTo + 1, true)
  }
  if (first !== null) await passUntil(walk ?? new StoreWalk(store, first - 1), Infinity)

  /** Skips what is in the store in front of a position, and not in the journal; `released` says that it has let go of it. */
  async function passUntil (walk: StoreWalk, time: number, released = false): Promise<void> {
    for (;;) {
      if (walk.next === undefined) await walk.load()
      const { next } = walk
      if (next == null || next.time >= time) return
      if (released) older++
      else alone++
      if (!released && isDurable(next.channel)) samples.lost.add(next)
      walk.advance()
    }
  }

  function take (message: MessageRecord, walk: StoreWalk): void {
    const { next } = walk
    if (next?.time !== message.time) {
      if (isForgotten(message)) {
        balance.forgotten++
        return
      }
      balance.missing++
      samples.missing.add(message)
      return
    }
    if (isSame(message, next)) {
      balance.stored++
    } else {
      balance.different++
      samples.different.add(message)
    }
    walk.advance()
    // They are in one page.
    for (; walk.next?.time === message.time; walk.advance()) samples.repeated.add(message)
  }

  return {
    journal: { ...journal, first, last: first === null ? null : last, records, damages, disordered },
    store: { newest: store.newestAtOpen, older: older + await store.count(first ?? newest + 1), alone, repeated: samples.repeated.count },
    balance,
    problems: problemsOf({ damages, disordered, ...samples })
  }
}

/** Whether retention, or somebody who had it erased, is why a message is not in the store. */
function forgets ({ removals, erasures }: Forgotten): (message: MessageRecord) => boolean {
  const removed = new Map(removals.map(({ room, channel, upTo }) => [`${room}/${channel}`, upTo]))
  return ({ room, channel, sender, time }) => time <= (removed.get(`${room}/${channel}`) ?? 0) ||
    erasures.some(({ kind, name, upTo }) => time <= upTo && name === (kind === 'room' ? room : sender))
}

function isSame (message: MessageRecord, stored: StoredMessage): boolean {
  return message.topic === stored.topic && message.room === stored.room && message.channel === stored.channel &&
    message.sender === stored.sender && message.qos === stored.qos && Buffer.compare(message.payload, stored.payload) === 0
}
