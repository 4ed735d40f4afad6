import type { Logger } from 'pino'
import type { ChannelSet } from '../../protocol/channels.ts'
import type { Outcome } from '../admission/outcome.ts'
import type { Resting } from '../admission/resting-table.ts'
import { Sender } from '../admission/sender.ts'
import type { Identity } from '../auth/identity.ts'
import { RefusalLog } from '../connection/refusal-log.ts'

/** A user who publishes without a connection: its pace, and what it was refused. */
export class OutsideSender implements Resting {
  private readonly channels: ChannelSet
  private readonly logger: Logger
  private readonly refusals = new RefusalLog()
  private identity: Identity | null = null
  private sender: Sender | null = null

  constructor (channels: ChannelSet, logger: Logger) {
    this.channels = channels
    this.logger = logger
  }

  /** The user as the token of a request says: several may come in turn, with other grants. */
  senderOf (identity: Identity): Sender {
    if (this.sender === null) this.sender = new Sender(identity, this.channels, null, null)
    else if (this.identity !== identity) this.sender.renew(identity)
    this.identity = identity
    return this.sender
  }

  refused ({ code, detail }: Outcome, topic: string): void {
    this.refusals.write(this.logger, { sub: this.sender?.sub }, 'publish over HTTP', code!, detail, topic)
  }

  atRest (now: number): boolean {
    return this.sender?.pace?.atRest(now) !== false
  }
}
