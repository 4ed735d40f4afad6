import type { Logger } from 'pino'
import type { Config } from '../../config/schema.ts'
import type { ChannelSet } from '../../protocol/channels.ts'
import type { Admission } from '../admission/admission.ts'
import type { ControlPlane } from '../aedes/control-plane.ts'
import type { Authenticator } from '../auth/identity.ts'
import type { Ledger } from '../ledger.ts'
import type { Presence } from '../presence/presence.ts'
import type { Replays } from '../replay/replays.ts'
import type { RetainedMessages } from '../router/retained.ts'
import type { Router } from '../router/router.ts'
import type { TopicTable } from '../router/topic-table.ts'
import type { SessionRegistry } from '../sessions/registry.ts'
import type { Arena } from '../transport/arena.ts'
import type { ConnectRates } from './connect-rates.ts'
import type { ErrorReports } from './error-reports.ts'
import type { RecentRefusals } from './recent-refusals.ts'
import type { Wills } from './wills.ts'

/** What every connection works with: one of each per broker. */
export interface Services {
  readonly config: Config
  readonly logger: Logger
  readonly channels: ChannelSet
  readonly topics: TopicTable
  readonly router: Router
  readonly retained: RetainedMessages
  readonly admission: Admission
  readonly sessions: SessionRegistry
  readonly presence: Presence
  readonly replays: Replays
  readonly control: ControlPlane
  readonly authenticator: Authenticator
  /** Null when CONNECT is not limited. */
  readonly connectRates: ConnectRates | null
  readonly wills: Wills
  readonly reports: ErrorReports
  readonly recent: RecentRefusals
  readonly ledger: Ledger
  readonly arena: Arena
}
