import type { Channel } from '../../protocol/channel.ts'
import type { TopicEntry } from '../router/topic-table.ts'
import { Account, type AccountLimits } from './account.ts'
import type { NotNow } from './outcome.ts'
import { Pace } from './pace.ts'
import { RestingTable } from './resting-table.ts'
import type { Sender } from './sender.ts'

/** The limits of `limits` on what is published; null = no limit. */
export interface PublishLimitsOptions extends AccountLimits {
  /** Per second. */
  readonly messageRate: number | null
  readonly byteRate: number | null
}

/** Null when neither `options` nor a channel limits anything, so that nothing has to be looked up for each message. */
export function createPublishLimits (options: PublishLimitsOptions, channels: readonly Channel[]): PublishLimits | null {
  const { messageRate, byteRate, userMessageRate, userByteRate, journalBytesPerHour, seriesPerUser, roomsPerUser } = options
  return [messageRate, byteRate, userMessageRate, userByteRate, journalBytesPerHour, seriesPerUser, roomsPerUser, ...channels.map(({ rate }) => rate)].every(limit => limit === null) ? null : new PublishLimits(options)
}

/**
 * What publishes may take per time. Asking takes nothing: a publish that has to wait for something else, and is tried
 * again, must not be charged twice. Texts begin with the limit, as `$me/errors` has room for little.
 */
export class PublishLimits {
  private readonly options: PublishLimitsOptions
  private readonly accounts: RestingTable<Account>

  constructor (options: PublishLimitsOptions) {
    this.options = options
    this.accounts = new RestingTable(() => new Account(options))
  }

  /** Why a publish of so many bytes would be too fast; null when it is not. `now` is monotonic ms. */
  tooFast (sender: Sender, { match }: TopicEntry, bytes: number, now: number): NotNow | null {
    const { messageRate, byteRate, userMessageRate, userByteRate } = this.options
    const own = this.paceOf(sender)
    const account = this.accountOf(sender, now)
    const user = account.pace
    const { channel } = match!
    return later('rate', own.messages?.wait(1, now), () => `limits.messageRate allows ${messageRate} messages per second`) ??
      later('rate', own.bytes?.wait(bytes, now), () => `limits.byteRate allows ${byteRate} bytes per second`) ??
      later('rate', user.messages?.wait(1, now), () => `limits.userMessageRate allows ${userMessageRate} messages per second`) ??
      later('rate', user.bytes?.wait(bytes, now), () => `limits.userByteRate allows ${userByteRate} bytes per second`) ??
      later('rate', account.on(channel)?.wait(1, now), () => `channel ${channel.name} takes ${channel.rate} messages per second of one user (rate)`)
  }

  /** Why a publish goes beyond what its user may take; null when it does not. */
  tooMuch (sender: Sender, { topic, match }: TopicEntry, journaled: boolean, now: number): NotNow | null {
    const { journalBytesPerHour, seriesPerUser } = this.options
    const { journal, series, rooms } = this.accountOf(sender, now)
    const { channel, room } = match!
    // What a record takes is known when it is written: whoever has anything left may write one more.
    return (journaled ? later('quota', journal?.wait(1, now), () => `limits.journalBytesPerHour allows ${journalBytesPerHour} bytes`) : null) ??
      (channel.store ? later('quota', series?.wait(topic, now), () => `limits.seriesPerUser allows ${seriesPerUser} stored topics per hour`) : null) ??
      later('quota', rooms?.wait(room, now), () => this.roomsText)
  }

  /** Charges the subscription of a user to what names a room, or says why it has to wait; null when it does not. */
  enter (sender: Sender, room: string, now: number): string | null {
    const { rooms } = this.accountOf(sender, now)
    if (rooms === null) return null
    if (rooms.wait(room, now) > 0) return this.roomsText
    rooms.use(room, now)
    return null
  }

  /** Charges the bytes of a record. */
  journaled (sender: Sender, bytes: number, now: number): void {
    this.accountOf(sender, now).journal?.spend(bytes, now)
  }

  /** Charges a publish that is admitted. */
  spend (sender: Sender, { topic, match }: TopicEntry, bytes: number, now: number): void {
    const account = this.accountOf(sender, now)
    const { pace, series, rooms } = account
    const { channel, room } = match!
    this.paceOf(sender).spend(bytes, now)
    pace.spend(bytes, now)
    account.on(channel)?.spend(1, now)
    if (channel.store) series?.use(topic, now)
    rooms?.use(room, now)
  }

  private get roomsText (): string {
    return `limits.roomsPerUser allows ${this.options.roomsPerUser} rooms per hour`
  }

  private paceOf (sender: Sender): Pace {
    sender.pace ??= new Pace(this.options.messageRate, this.options.byteRate)
    return sender.pace
  }

  private accountOf (sender: Sender, now: number): Account {
    let { account } = sender
    if (account === null || account.stale) sender.account = account = this.accounts.get(sender.sub, now)
    return account
  }
}

function later (code: 'rate' | 'quota', wait: number | undefined, detail: () => string): NotNow | null {
  return wait === undefined || wait === 0 ? null : { code, detail: detail(), retryIn: wait }
}
