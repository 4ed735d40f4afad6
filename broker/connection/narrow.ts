import { SUBSCRIPTION_ENDED, type ErrorCode } from '../../protocol/errors.ts'
import { decide } from '../../protocol/policy.ts'
import type { Session } from '../sessions/session.ts'
import type { Services } from './services.ts'

/**
 * A session goes on under another token: subscriptions that it does not cover end, each with a reason for `tell`, and so
 * does what waits or is in flight and may not be received any more. Returns the filters that ended.
 */
export function narrow ({ channels, router, sessions }: Services, session: Session, tell: (code: ErrorCode, message: string, filter: string) => void): string[] {
  const ended: string[] = []
  for (const filter of [...session.subscriptions.keys()]) {
    const { allowed, code, rule } = decide(channels, session.identity, 'subscribe', filter)
    if (allowed) continue
    // If it can't be written, the next CONNECT judges it again.
    sessions.unsubscribe(session, filter).catch(() => {})
    ended.push(filter)
    tell(code!, SUBSCRIPTION_ENDED + rule, filter)
  }
  router.outdateAll()
  sessions.judge(session)
  return ended
}
