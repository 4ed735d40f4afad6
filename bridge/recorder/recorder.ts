import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { JournalAccess } from '../../broker/index.ts'
import type { Store } from '../store/store.ts'
import { createRarely } from './rarely.ts'

/** Records that are appended at once at most; they are in memory meanwhile. */
const BATCH_BYTES = 4 * 1024 * 1024
const FIRST_RETRY = 300
const LAST_RETRY = 30_000
const LOG_INTERVAL = 10_000
const CLOSE_TIMEOUT = 10_000

export interface RecorderOptions {
  readonly journal: JournalAccess
  /** Of its consumer of the journal; each has its own. */
  readonly name: string
  /**
   * Where it begins, microseconds: what the store has, if the store was asked. Null goes on where the journal knows that this
   * name was, for a store that may not answer at the start and takes what it has once more.
   */
  readonly from: number | null
  readonly store: Pick<Store, 'append'>
  readonly logger: Logger
  /** Milliseconds after which what was accepted is on its way to the store. */
  readonly flushInterval: number
  /** Bytes of records that are appended at once; tests make it small. */
  readonly batchBytes?: number
  /** Milliseconds until the first retry; doubles up to 30 s. */
  readonly firstRetry?: number
  /** Milliseconds that close() gives a store that keeps failing. */
  readonly closeTimeout?: number
}

/** How far the store is behind the journal. */
export interface Lag {
  /** Bytes of the journal that are not in the store. */
  readonly bytes: number
  /** How long the oldest of them has waited, at most, in seconds. */
  readonly seconds: number
}

/**
 * Carries the messages of the journal into the store: in order, one append in flight. It keeps nothing: after a failure
 * it reads the same records again.
 */
export interface Recorder {
  /** Everything of the journal up to there is in the store, microseconds. */
  readonly position: number
  readonly lag: Lag
  /** Files of the journal that were removed before they were stored. */
  readonly missed: number
  /** Messages that the store took of those that clients sent since the start of the process. */
  readonly taken: number
  /** Resolves when everything accepted so far with a position before `end` is stored; waits as long as the store fails. */
  flush (end?: number): Promise<void>
  /** Flushes, but gives up on a store that keeps failing: what is left is stored after the next start. */
  close (): Promise<void>
}

export function createRecorder ({ journal, name, from, store, logger, flushInterval, batchBytes = BATCH_BYTES, firstRetry = FIRST_RETRY, closeTimeout = CLOSE_TIMEOUT }: RecorderOptions): Recorder {
  const consumer = journal.consumer(name)
  const rarely = createRarely(LOG_INTERVAL)
  const giveUp = new AbortController()
  // Cuts the wait for more messages short.
  let hurry = new AbortController()
  let more: (() => void) | null = null
  let flushes: { readonly upTo: number, readonly resolve: () => void }[] = []
  let missed = 0
  let taken = 0
  /** Whether nobody ever read under this name: what went before is not missed. */
  let begins = from === null && consumer.position === 0
  /** Times that files were missed by who had yet to begin. */
  let passed = 0
  let closing: Promise<void> | null = null

  if (from !== null) consumer.seek(from)

  // Nothing that waits came before it, in microseconds since 1970: a lag does not begin with the silence before it.
  let since = consumer.position === 0 ? microseconds() : 0
  let seen = journal.time

  const behind = (): boolean => consumer.position < journal.time

  async function run (): Promise<void> {
    while (!giveUp.signal.aborted) {
      if (!behind()) {
        settle()
        await new Promise<void>((resolve) => { more = resolve })
        continue
      }
      if (consumer.behindBytes < batchBytes && flushes.length === 0 && closing === null) await wait(flushInterval, hurry.signal)
      hurry = new AbortController()
      await carry()
      settle()
    }
  }

  /** One batch, until it is stored or close() gave up. */
  async function carry (): Promise<void> {
    for (let failures = 0; !giveUp.signal.aborted; failures++) {
      try {
        const { time } = journal
        const block = await consumer.read(batchBytes)
        // The first records of a block may have been in one before.
        if (block !== null) taken += await store.append(block.bytes, Math.max(journal.timeAtOpen, consumer.position))
        // Without a block there is nothing to be had up to there: the end of the journal may be damaged.
        consumer.commit(block?.lastTime ?? time)
        if (failures > 0) logger.info({ failures, behind: lag() }, 'the store accepts messages again')
        tellMissed()
        return
      } catch (error) {
        consumer.rewind()
        const retryIn = Math.min(firstRetry * 2 ** failures, LAST_RETRY)
        rarely('failed', () => { logger.error({ err: error, behind: lag(), retryIn }, 'messages could not be stored; they stay in the journal and are tried again') })
        await wait(retryIn, giveUp.signal)
      }
    }
  }

  function tellMissed (): void {
    if (begins) {
      begins = false
      passed = consumer.missed
      if (passed > 0) logger.info('this store begins with the oldest message that the journal still has')
    } else if (consumer.missed - passed > missed) {
      missed = consumer.missed - passed
      logger.error({ missed }, 'history is incomplete: files of the journal were removed before they were stored, or the store was lost')
    }
  }

  function lag (): Lag {
    if (!behind()) return { bytes: 0, seconds: 0 }
    return { bytes: consumer.openBytes, seconds: Math.max(0, microseconds() - Math.max(since, consumer.position)) / 1e6 }
  }

  function settle (): void {
    const due = flushes.filter(({ upTo }) => upTo <= consumer.position)
    flushes = flushes.filter(({ upTo }) => upTo > consumer.position)
    for (const { resolve } of due) resolve()
  }

  async function flush (end = Infinity): Promise<void> {
    // The past is stored already, and needs no write for who only looks at it.
    if (consumer.position >= end - 1) return
    await journal.flush()
    const upTo = Math.min(journal.time, end - 1)
    if (consumer.position >= upTo) return
    await new Promise<void>((resolve) => {
      flushes.push({ upTo, resolve })
      hurry.abort()
      more?.()
    })
  }

  async function shutDown (): Promise<void> {
    const timer = setTimeout(() => { giveUp.abort() }, closeTimeout)
    await Promise.race([flush(), new Promise((resolve) => { giveUp.signal.addEventListener('abort', resolve) })])
    clearTimeout(timer)
    if (behind()) logger.warn({ behind: lag() }, 'the store failed until the end; the rest is stored after the next start')
    giveUp.abort()
    more?.()
  }

  journal.onAdvance(() => {
    if (consumer.position >= seen) since = journal.time
    seen = journal.time
    more?.()
    if (consumer.behindBytes >= batchBytes) hurry.abort()
  })
  run().catch((error: unknown) => { logger.fatal({ err: error }, 'the recorder stopped') })

  return {
    get position () { return consumer.position },
    get lag () { return lag() },
    get missed () { return missed },
    get taken () { return taken },
    flush,
    close () {
      closing ??= shutDown()
      return closing
    }
  }
}

/** As the broker tells the time of records. */
function microseconds (): number {
  return (performance.timeOrigin + performance.now()) * 1000
}

async function wait (milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal })
  } catch {
    // Cut short, as meant.
  }
}
