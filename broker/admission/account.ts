import type { Channel } from '../../protocol/channel.ts'
import { Pace } from './pace.ts'
import { RecentNames } from './recent-names.ts'
import type { Resting } from './resting-table.ts'
import { TokenBucket } from './token-bucket.ts'

const SECONDS_PER_HOUR = 3600

/** The limits of `limits` that concern one user over all its connections. */
export interface AccountLimits {
  /** Per second; null = no limit. */
  readonly userMessageRate: number | null
  readonly userByteRate: number | null
  readonly journalBytesPerHour: number | null
  /** Within an hour. */
  readonly seriesPerUser: number | null
  readonly roomsPerUser: number | null
}

/** What one user has used up of its limits, over all its connections. */
export class Account implements Resting {
  readonly pace: Pace
  /** Bytes of the journal; an hour's worth may come at once. */
  readonly journal: TokenBucket | null
  /** Stored topics that it published to. */
  readonly series: RecentNames | null
  /** Rooms that it published to, or subscribed to by name. */
  readonly rooms: RecentNames | null
  /** By channels with a rate; made when first used. */
  private readonly channels = new Map<Channel, TokenBucket>()
  /** Whether the table let go of it. */
  stale = false

  constructor ({ userMessageRate, userByteRate, journalBytesPerHour, seriesPerUser, roomsPerUser }: AccountLimits) {
    this.pace = new Pace(userMessageRate, userByteRate)
    this.journal = journalBytesPerHour === null ? null : new TokenBucket(journalBytesPerHour / SECONDS_PER_HOUR, journalBytesPerHour)
    this.series = seriesPerUser === null ? null : new RecentNames(seriesPerUser)
    this.rooms = roomsPerUser === null ? null : new RecentNames(roomsPerUser)
  }

  /** Messages on a channel; null when it has no rate. */
  on (channel: Channel): TokenBucket | null {
    const { rate } = channel
    if (rate === null) return null
    let bucket = this.channels.get(channel)
    if (bucket === undefined) this.channels.set(channel, bucket = new TokenBucket(rate, rate))
    return bucket
  }

  atRest (now: number): boolean {
    for (const bucket of this.channels.values()) if (!bucket.atRest(now)) return false
    return this.pace.atRest(now) && [this.journal, this.series, this.rooms].every(used => used === null || used.atRest(now))
  }

  forgotten (): void {
    this.stale = true
  }
}
