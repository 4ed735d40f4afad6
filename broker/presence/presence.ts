import type { ChannelSet } from '../../protocol/channels.ts'
import { roleIn } from '../../protocol/room-grants.ts'
import { roomOfFilter } from '../../protocol/room-of-filter.ts'
import { RestingTable } from '../admission/resting-table.ts'
import { TokenBucket } from '../admission/token-bucket.ts'
import type { RecordWriter } from '../journal/record-writer.ts'
import { RecordType } from '../../protocol/record.ts'
import type { Session } from '../sessions/session.ts'
import type { SessionWatcher } from '../sessions/session-watcher.ts'
import type { Announcer } from './announcer.ts'
import { Attendance, type Member } from './attendance.ts'
import { USERS_PER_RECORD, writePresence, type SavedPresence } from './presence-records.ts'

/** Milliseconds for which changes are gathered: a room gets one event for all who come within them. */
const TICK_MS = 100

/**
 * Changes of one user that are told per second, and at once: each is written to the journal and kept as history, and
 * who comes and goes in a loop need not have the right to publish anything. The rest is told later, or never was.
 */
const CHANGES_PER_SECOND = 100
const CHANGES_AT_ONCE = 2000

export interface PresenceOptions {
  readonly announcer: Announcer
  readonly channels: ChannelSet
  /** Milliseconds after a disconnect until its user counts as gone. */
  readonly grace: number
  /** Rooms that one connection may be in by publishing alone; into further ones it does not come that way. */
  readonly roomsBySpeaking: number
}

/** A connection in the rooms that it has joined: subscriptions that name the room, 0 for one joined by publishing. */
interface Participation {
  readonly user: string
  readonly rooms: Map<string, number>
}

/**
 * Who is in which room. A connection joins a room by a subscription that names it, or by publishing to its messages, and
 * leaves it by its last unsubscribe or when it ends. Users whose tokens ask for it are not shown: they are in no room.
 */
export class Presence implements SessionWatcher {
  private readonly options: PresenceOptions
  private readonly attendance: Attendance
  private readonly participations = new Map<Session, Participation>()
  private readonly paces = new RestingTable(() => new TokenBucket(CHANGES_PER_SECOND, CHANGES_AT_ONCE))
  private timer: NodeJS.Timeout | null = null
  private timerAt = Infinity
  private closed = false

  constructor (options: PresenceOptions) {
    this.options = options
    this.attendance = new Attendance(options.grace)
  }

  /** Rooms with anybody in them. */
  get rooms (): number {
    return this.attendance.size
  }

  /** Users in all rooms, counted in each. */
  get participants (): number {
    return this.attendance.members
  }

  /** Names of rooms with anybody in them. */
  get names (): Iterable<string> {
    return this.attendance.names
  }

  /** Those in a room, in the order in which they joined. */
  in (room: string): Iterable<Member> {
    return this.attendance.in(room)
  }

  /** Takes up whom an earlier process has shown. */
  restore ({ rooms }: SavedPresence): void {
    for (const [room, users] of rooms) for (const [user, since] of users) this.attendance.restore(room, user, since)
    for (const member of this.attendance.announced()) this.options.announcer.restore(member)
  }

  /** Connections can come: whoever was there before the restart has the grace to return. */
  open (): void {
    this.attendance.open(performance.now())
    this.arm()
  }

  /** Records that lead to what was told, for a snapshot. `time` is the position that they stand for. */
  * saveAll (writer: RecordWriter, time: number): Generator<void> {
    let users: Member[] = []
    const write = (): void => {
      writer.begin(RecordType.presence, time)
      writePresence(writer, users[0]!.room, users, [])
      writer.end()
      users = []
    }
    for (const member of this.attendance.announced()) {
      if (users.length > 0 && (users[0]!.room !== member.room || users.length === USERS_PER_RECORD)) {
        write()
        yield
      }
      users.push(member)
    }
    if (users.length > 0) write()
  }

  attached (session: Session): void {
    const { identity, subscriptions } = session
    if (!identity.presence) return
    this.participations.set(session, { user: identity.sub, rooms: new Map() })
    for (const { filter } of subscriptions.values()) this.subscribed(session, filter)
  }

  released (session: Session): void {
    this.leaveAll(session, true)
  }

  subscribed (session: Session, filter: string): void {
    const participation = this.participations.get(session)
    if (participation === undefined) return
    const room = roomOfFilter(this.options.channels, filter)
    if (room === null) return
    const count = participation.rooms.get(room)
    participation.rooms.set(room, (count ?? 0) + 1)
    if (count === undefined) this.enter(room, participation.user)
  }

  unsubscribed (session: Session, filter: string): void {
    const participation = this.participations.get(session)
    const room = participation === undefined ? null : roomOfFilter(this.options.channels, filter)
    const count = room === null ? undefined : participation!.rooms.get(room)
    if (count === undefined) return
    if (count > 1) {
      participation!.rooms.set(room!, count - 1)
      return
    }
    this.leave(participation!, room!)
  }

  /** A connection published to the messages of a room. */
  spoke (session: Session, room: string): void {
    const participation = this.participations.get(session)
    if (participation === undefined || participation.rooms.has(room) || participation.rooms.size >= this.options.roomsBySpeaking) return
    participation.rooms.set(room, 0)
    this.enter(room, participation.user)
  }

  /**
   * The token of a connection was replaced: it may show what the one before hid, or the other way round, and whoever has
   * no part in a room any more is not in it for what was once said.
   */
  renewed (session: Session): void {
    const participation = this.participations.get(session)
    const { presence, grants } = session.identity
    if (participation === undefined) {
      if (presence) this.attached(session)
    } else if (!presence) {
      this.leaveAll(session, false)
    } else {
      for (const [room, count] of participation.rooms) if (count === 0 && roleIn(grants, room) === null) this.leave(participation, room)
    }
  }

  /** Tells nothing more: whoever is told to be there returns to the next process, or is told to be gone by it. */
  close (): void {
    this.closed = true
    if (this.timer !== null) clearTimeout(this.timer)
    this.options.announcer.close()
  }

  private leave ({ rooms, user }: Participation, room: string): void {
    rooms.delete(room)
    this.exit(room, user, false)
  }

  private leaveAll (session: Session, broken: boolean): void {
    const participation = this.participations.get(session)
    if (participation === undefined) return
    this.participations.delete(session)
    for (const room of participation.rooms.keys()) this.exit(room, participation.user, broken)
  }

  private enter (room: string, user: string): void {
    this.attendance.enter(room, user, Date.now())
    this.arm()
  }

  private exit (room: string, user: string, broken: boolean): void {
    this.attendance.exit(room, user, broken, performance.now())
    this.arm()
  }

  private arm (): void {
    const { attendance } = this
    const now = performance.now()
    const at = attendance.changed ? now + TICK_MS : attendance.nextLeave + TICK_MS
    if (this.closed || at >= this.timerAt || at === Infinity) return
    if (this.timer !== null) clearTimeout(this.timer)
    this.timerAt = at
    this.timer = setTimeout(() => {
      this.timer = null
      this.timerAt = Infinity
      this.tell()
      this.arm()
    }, Math.max(1, Math.ceil(at - now)))
    this.timer.unref()
  }

  private tell (): void {
    const { attendance, options: { announcer } } = this
    // There is no room: it is tried again at the next tick, with what changes until then.
    if (!announcer.hasRoom) return
    const now = performance.now()
    for (const change of attendance.changes(now, user => this.paces.get(user, now).take(1, now) === 0)) {
      if (!announcer.hasRoom) return
      announcer.announce(change)
      attendance.told(change)
    }
  }
}
