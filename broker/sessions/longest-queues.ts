import type { Session } from './session.ts'

/** What waits for a session. */
export interface SessionQueue {
  readonly session: string
  readonly user: string
  readonly client: string
  /** Messages that were not sent yet. */
  readonly messages: number
  /** Of those in memory; the others are in the journal. */
  readonly bytes: number
  /** Messages that were sent and not acknowledged. */
  readonly inflight: number
  /** Bytes that were sent and that the socket has not taken. */
  readonly socketBytes: number
  /** Seconds for which the socket has taken nothing; null while it does, and for absent clients. */
  readonly stalled: number | null
  /**
   * Milliseconds since 1970: when the oldest of what waits in memory was published, or when an absent client left. Null when
   * that is not known.
   */
  readonly since: number | null
}

/** The sessions that the most messages wait for, longest first: connected ones, which are slow, and absent ones. */
export function longestQueues (sessions: Iterable<Session>, most: number): { readonly slow: SessionQueue[], readonly absent: SessionQueue[] } {
  const slow: Session[] = []
  const absent: Session[] = []
  for (const session of sessions) if (session.outbound.waiting > 0) insert(session.connected ? slow : absent, session, most)
  return { slow: slow.map(queueOf), absent: absent.map(queueOf) }
}

/** Keeps a list sorted, and no longer than `most`. */
function insert (list: Session[], session: Session, most: number): void {
  const { waiting } = session.outbound
  if (list.length === most && waiting <= list[most - 1]!.outbound.waiting) return
  const at = list.findIndex(({ outbound }) => outbound.waiting < waiting)
  list.splice(at < 0 ? list.length : at, 0, session)
  if (list.length > most) list.pop()
}

function queueOf ({ id, identity, clientId, connected, expiresAt, expiry, outbound }: Session): SessionQueue {
  const { stalled } = outbound
  const since = connected ? outbound.oldestWaiting : expiresAt - expiry
  return {
    session: id,
    user: identity.sub,
    client: clientId,
    messages: outbound.waiting,
    bytes: outbound.waitingBytes,
    inflight: outbound.window.size,
    socketBytes: outbound.socketBytes,
    stalled: stalled === null ? null : Math.round(stalled) / 1000,
    since: since > 0 && Number.isFinite(since) ? Math.round(since) : null
  }
}
