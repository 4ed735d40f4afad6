import type { Identity } from './auth/identity.ts'

/** `sse`: the bridge follows for somebody who reads server-sent events. */
export type Transport = 'tcp' | 'tls' | 'ws' | 'wss' | 'sse'

/** Who is at the other end of a byte stream. */
export interface Peer {
  readonly address: string
  readonly port: number
  readonly transport: Transport
  /** Whether the connection wants its own messages back; unset leaves it to the channel. */
  readonly echo?: boolean
  /** Who it is, where that was found out already: what CONNECT says of it does not matter then. */
  readonly identity?: Identity
  /** Whether it is closed rather than that a message is left out: it comes back, and goes on where it was. */
  readonly lossless?: boolean
}
