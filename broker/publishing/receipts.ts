import { FoyerError } from '../../protocol/errors.ts'
import { encodeCursor } from '../../protocol/cursor.ts'
import { fieldAt, MessageFlag, MessageTag, readFields, recordTime, RecordType } from '../../protocol/record.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import { decodeRequest, encodeRequest, type KeyedRequest } from './request.ts'

/** Milliseconds that a receipt is kept. */
const KEPT = 24 * 3_600_000

const ReceiptTag = { request: 1, stored: 2 } as const

/** That a request was served. */
export interface Receipt {
  /** What was asked for, see `KeyedRequest`. */
  readonly content: string
  /** Microseconds since 1970: the position of the message where it has one. */
  readonly time: number
  /** Whether the position is its name. */
  readonly stored: boolean
}

/** The name of the message that a receipt is for, null where it has none. */
export function cursorOf ({ time, stored }: Receipt): string | null {
  return stored ? encodeCursor(time) : null
}

/**
 * The requests to publish that were served within the last day, at most `most`. What was journaled is known after a
 * restart, too: the receipt is in the record of the message, so that there is never one without the other.
 */
export class Receipts {
  private readonly most: number
  private readonly now: () => number
  /** By name of the request, the oldest first. */
  private readonly receipts = new Map<string, Receipt>()

  /** `now` tells milliseconds since 1970. */
  constructor (most: number, now: () => number = Date.now) {
    this.most = most
    this.now = now
  }

  get size (): number {
    return this.receipts.size
  }

  /** The receipt of a request that was served before. Throws FoyerError('idempotency') when its key was used for another one. */
  find (request: KeyedRequest): Receipt | null {
    const receipt = this.receipts.get(request.name)
    if (receipt === undefined || this.isOver(receipt)) return null
    if (receipt.content !== request.content) throw new FoyerError('idempotency')
    return receipt
  }

  add ({ name, content }: KeyedRequest, time: number, stored: boolean): void {
    // Once more at the end, which is where the newest are.
    this.receipts.delete(name)
    this.receipts.set(name, { content, time, stored })
    for (const [oldest, receipt] of this.receipts) {
      if (this.receipts.size <= this.most && !this.isOver(receipt)) break
      this.receipts.delete(oldest)
    }
  }

  /** Takes up the receipt of a message, if its record has one. */
  restoreOf (bytes: Buffer, start: number): void {
    const at = fieldAt(bytes, start, MessageTag.receipt)
    if (at < 0) return
    const flags = bytes[fieldAt(bytes, start, MessageTag.flags)]!
    this.add(decodeRequest(bytes, at), recordTime(bytes, start), (flags & MessageFlag.stored) !== 0)
  }

  /** Takes up a record of a snapshot. */
  restore (bytes: Buffer, start: number): void {
    let request: KeyedRequest | null = null
    let stored = false
    readFields(bytes, start, (tag, from) => {
      if (tag === ReceiptTag.request) request = decodeRequest(bytes, from)
      else if (tag === ReceiptTag.stored) stored = bytes[from] === 1
    })
    if (request !== null) this.add(request, recordTime(bytes, start), stored)
  }

  /** Records of all that still matter, for a snapshot. */
  * saveAll (writer: RecordWriter): Generator<void> {
    for (const [name, receipt] of this.receipts) {
      const { content, time, stored } = receipt
      if (this.isOver(receipt)) continue
      writer.begin(RecordType.receipt, time)
      writer.field(ReceiptTag.request, encodeRequest({ name, content }))
      writer.byte(ReceiptTag.stored, stored ? 1 : 0)
      writer.end()
      yield
    }
  }

  private isOver ({ time }: Receipt): boolean {
    return this.now() - time / 1000 >= KEPT
  }
}
