import type { Identity } from './auth/identity.ts'
import type { Revocation } from './auth/revocation-records.ts'
import type { Revocations } from './auth/revocations.ts'
import type { Connections } from './connection/connections.ts'
import type { Wills } from './connection/wills.ts'
import { durably } from './journal/durable.ts'
import type { Journal } from './journal/journal.ts'
import type { FoyerError } from '../protocol/errors.ts'
import type { SessionRegistry } from './sessions/registry.ts'

/** What can be done about users from outside of their connections. */
export interface UserControl {
  /**
   * Refuses tokens from now on and closes the connections that live by them; see `Revocations.revoke` for when it
   * resolves and what it throws.
   */
  revoke (revocation: Revocation): Promise<void>
  /** Why the token that an identity was made of is refused by now; null when it is not. */
  revoked (identity: Identity): FoyerError | null
  /** Closes the connections of a user, and returns how many. Their clients may come back. */
  disconnect (sub: string): number
  /**
   * Ends the sessions of a user, and returns how many when no restart would bring one back. Throws FoyerError('disk')
   * when that takes too long: what has ended stays so until a restart.
   */
  purge (sub: string): Promise<number>
}

export interface UserControlOptions {
  readonly revocations: Revocations
  readonly connections: Connections
  readonly sessions: SessionRegistry
  readonly wills: Wills
  readonly journal: Journal
  /** Milliseconds that the disk may take. */
  readonly maxWait: number
}

export function createUserControl ({ revocations, connections, sessions, wills, journal, maxWait }: UserControlOptions): UserControl {
  revocations.onRevoked(() => {
    connections.end('revoked', identity => revocations.refusal(identity)?.message ?? null)
  })

  /** Behind whoever takes the session at the moment; who comes later gets a new one. */
  async function endSession (id: string): Promise<boolean> {
    return await sessions.turn(id, async () => {
      await sessions.get(id)?.holder?.end('ended')
      const session = sessions.get(id)
      if (session === undefined) return false
      // The end of a session is also the end of its will's delay [MQTT-3.1.2-8].
      wills.publish(id)
      await durably(journal, maxWait, done => sessions.end(session, done))
      return true
    })
  }

  return {
    revoke: async revocation => await revocations.revoke(revocation),
    revoked: identity => revocations.refusal(identity),
    disconnect: sub => connections.end('ended', identity => identity.sub === sub ? 'an administrator ended the connections of this user' : null),
    async purge (sub) {
      const ended = await Promise.all(sessions.of(sub).map(endSession))
      return ended.filter(Boolean).length
    }
  }
}
