import { errors, type ErrorCode } from '../protocol/errors.ts'

/** What only a client can say; everything else is in the table that it shares with the broker. */
const own = {
  queueFull: { kind: 'not-now', sentence: 'more waits to be sent than the queue of the client takes', remedy: 'wait for what was sent, send less while offline, or raise queue.messages or queue.bytes of connect()' },
  timeout: { kind: 'not-now', sentence: 'no answer came in time', remedy: 'ask again; it may have been done all the same' },
  unreachable: { kind: 'not-now', sentence: 'the server could not be reached', remedy: 'check the url, and that the server runs' },
  closed: { kind: 'closed', sentence: 'the client is closed', remedy: 'connect a new one' },
  commandFailed: { kind: 'refused', sentence: 'the device could not do it', remedy: 'see the message, which is the device\'s' },
  gap: { kind: 'not-now', sentence: 'not all that was missed could be had', remedy: 'read history() for what it still has' },
  overflow: { kind: 'not-now', sentence: 'messages came before anybody asked for them, and too many', remedy: 'join rooms and listen for commands right after connect()' },
  usage: { kind: 'refused', sentence: 'this can\'t be asked for', remedy: 'see the message' }
} as const

export type ClientErrorCode = keyof typeof own

export type AnyErrorCode = ErrorCode | ClientErrorCode

/** As in the table of `protocol/errors.ts`: only `not-now` may pass when it is tried again as it is. */
export type ErrorKind = 'refused' | 'not-now' | 'connect' | 'closed' | 'http'

export interface ErrorDetails {
  /** What it was about: the topic of a message, the filter of a subscription. */
  readonly topic?: string
  readonly cause?: unknown
}

/** Every error of the client. `message` says what happened and where, `remedy` what to do. */
export class FoyerClientError extends Error {
  readonly code: AnyErrorCode
  readonly kind: ErrorKind
  readonly remedy: string
  /** '' when it is about no topic. */
  readonly topic: string

  constructor (code: AnyErrorCode, message?: string, { topic = '', cause }: ErrorDetails = {}) {
    const { kind, sentence, remedy } = entryOf(code)
    super(message ?? sentence, cause === undefined ? undefined : { cause })
    this.name = 'FoyerClientError'
    this.code = code
    this.kind = kind
    this.remedy = remedy
    this.topic = topic
  }

  /** Whether the same may pass later. */
  get retryable (): boolean {
    return this.kind === 'not-now'
  }
}

function entryOf (code: AnyErrorCode): { kind: ErrorKind, sentence: string, remedy: string } {
  return errors.get(code as ErrorCode) ?? own[code as ClientErrorCode]
}

/** A code as somebody else wrote it; `fallback` when this version does not know it. */
export function knownCode (code: unknown, fallback: ErrorCode): ErrorCode {
  return errors.has(code as ErrorCode) ? code as ErrorCode : fallback
}

/** What carried a reason code: the answer to a message or filter, to CONNECT, or the end of a connection. */
export type Carrier = 'answer' | 'connack' | 'disconnect'

const kindsOf: Record<Carrier, readonly ErrorKind[]> = {
  answer: ['refused', 'not-now'],
  connack: ['connect', 'not-now'],
  disconnect: ['closed', 'not-now']
}

/**
 * The code behind an MQTT 5 reason code and its words. Several share one: the words decide where they are those of the
 * table, else it is the first of the kind that such an answer can mean.
 */
export function codeOfReason (reasonCode: number, carrier: Carrier, reason = ''): ErrorCode {
  const possible = [...errors].filter(([, entry]) => entry.reasonCode === reasonCode)
  const likely = kindsOf[carrier].flatMap(wanted => possible.filter(([, { kind }]) => kind === wanted))
  const [code] = likely.find(([, { sentence }]) => reason.startsWith(sentence)) ?? likely[0] ?? possible[0] ?? ['internal' as const]
  return code
}
