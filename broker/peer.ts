/** Who is at the other end of a byte stream. */
export interface Peer {
  readonly address: string
  readonly port: number
  readonly transport: 'tcp' | 'tls' | 'ws' | 'wss'
  /** Whether the connection wants its own messages back; unset leaves it to the channel. */
  readonly echo?: boolean
}
