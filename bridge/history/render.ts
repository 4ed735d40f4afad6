import type { StoredMessage } from '../../broker/index.ts'
import { isValidUtf8, payloadForJson } from '../../protocol/envelope.ts'
import { scanJson } from '../../protocol/json-scan.ts'

/** Deeper JSON travels as text, as everywhere: it breaks readers that recurse. */
const MAX_DEPTH = 64

const decoder = new TextDecoder()

type Rendered = Pick<StoredMessage, 'topic' | 'sender' | 'time' | 'qos' | 'payload'> & { readonly cursor: string | null }

/** The answer of the history address as JSON text. */
export function renderHistory (messages: readonly StoredMessage[], next: string | null): string {
  return `{"messages":[${messages.map(message => renderMessage(message)).join(',')}],"next":${JSON.stringify(next)}}`
}

/** A message as JSON text, its cursor null where it is not stored; `more` are members that only some readers have. */
export function renderMessage ({ cursor, topic, sender, time, qos, payload }: Rendered, more: { readonly room?: string, readonly channel?: string } = {}): string {
  const head = JSON.stringify({ id: cursor, ...more, topic, sender, timestamp: new Date(time / 1000).toISOString(), qos })
  return `${head.slice(0, -1)},"payload":${renderPayload(payload)}}`
}

/** JSON goes out as the very text that came in: a number read and written again may lose digits. */
function renderPayload (payload: Uint8Array): string {
  const shape = isValidUtf8(payload) ? scanJson(payload) : null
  return shape !== null && shape.depth <= MAX_DEPTH ? decoder.decode(payload) : JSON.stringify(payloadForJson(payload))
}
