/** A user in a room, with all connections that have joined it. */
export interface Member {
  readonly room: string
  readonly user: string
  /** When the user joined, ms since 1970. */
  readonly since: number
  connections: number
  /** Monotonic ms when the user counts as gone, unless a connection joins before; null while nobody waits for that. */
  leavesAt: number | null
  /** What was last told about it: whether it is there. */
  announced: boolean
}

/** What is to be told about a room. */
export interface Change {
  readonly room: string
  readonly joined: readonly Member[]
  readonly left: readonly Member[]
}

/**
 * Who is in which room, and what of it has been told. A user is there while a connection is, and for a grace after the
 * last one broke off. What is told is the difference between what is and what was told: who comes and goes in between
 * leaves no trace, and what could not be told yet is still a difference later.
 */
export class Attendance {
  private readonly grace: number
  private readonly rooms = new Map<string, Map<string, Member>>()
  /** In the order in which they will be gone. */
  private readonly leaving = new Set<Member>()
  private readonly touched = new Map<string, Set<Member>>()
  private count = 0

  /** `grace` in ms. */
  constructor (grace: number) {
    this.grace = grace
  }

  /** Rooms with anybody in them. */
  get size (): number {
    return this.rooms.size
  }

  /** Users in all rooms, counted in each. */
  get members (): number {
    return this.count
  }

  /** Whether there may be something to tell without anybody's leaving. */
  get changed (): boolean {
    return this.touched.size > 0
  }

  /** Monotonic ms when the next one is gone; Infinity when nobody is leaving. */
  get nextLeave (): number {
    const [first] = this.leaving
    return first?.leavesAt ?? Infinity
  }

  /** Rooms that anybody is in; some of them may be left in this moment. */
  get names (): Iterable<string> {
    return this.rooms.keys()
  }

  /** Those in a room, in the order in which they joined. */
  * in (room: string): Generator<Member> {
    for (const member of this.rooms.get(room)?.values() ?? []) if (isThere(member)) yield member
  }

  /** Everybody whose presence was told. */
  * announced (): Generator<Member> {
    for (const members of this.rooms.values()) for (const member of members.values()) if (member.announced) yield member
  }

  /** A connection joins; `time` is ms since 1970. */
  enter (room: string, user: string, time: number): void {
    const member = this.member(room, user, time)
    member.connections++
    member.leavesAt = null
    this.leaving.delete(member)
    this.touch(member)
  }

  /** A connection leaves: at once, or for what may be a moment. `now` is monotonic ms. */
  exit (room: string, user: string, broken: boolean, now: number): void {
    const member = this.rooms.get(room)?.get(user)
    if (member === undefined || --member.connections > 0) return
    if (broken && this.grace > 0) this.leaveLater(member, now)
    this.touch(member)
  }

  /** Takes up what an earlier process has told. The grace to return begins with `open`. */
  restore (room: string, user: string, since: number): void {
    const member = this.member(room, user, since)
    member.announced = true
    this.leaveLater(member, Infinity)
  }

  /** From `now` on, monotonic ms, those of an earlier process can return. */
  open (now: number): void {
    for (const member of this.leaving) member.leavesAt = now + this.grace
  }

  /**
   * What is to be told at `now`, monotonic ms, of those of whom `mayTell` lets it be now; it is asked once for each
   * difference. It stays so until `told` is called.
   */
  changes (now: number, mayTell: (user: string) => boolean = () => true): Change[] {
    for (const member of this.leaving) {
      if (member.leavesAt! > now) break
      this.leaving.delete(member)
      member.leavesAt = null
      this.touch(member)
    }
    const changes: Change[] = []
    for (const [room, members] of this.touched) {
      const joined: Member[] = []
      const left: Member[] = []
      for (const member of members) {
        if (isThere(member) === member.announced) this.settle(member)
        else if (mayTell(member.user)) (member.announced ? left : joined).push(member)
      }
      if (joined.length + left.length > 0) changes.push({ room, joined, left })
    }
    return changes
  }

  /** The change of a room was told. */
  told ({ joined, left }: Change): void {
    for (const member of joined) member.announced = true
    for (const member of left) member.announced = false
    for (const member of [...joined, ...left]) this.settle(member)
  }

  /** There is nothing to tell of it. */
  private settle (member: Member): void {
    const members = this.touched.get(member.room)
    members?.delete(member)
    if (members?.size === 0) this.touched.delete(member.room)
    if (!isThere(member)) this.remove(member)
  }

  private member (room: string, user: string, since: number): Member {
    let members = this.rooms.get(room)
    if (members === undefined) this.rooms.set(room, members = new Map())
    let member = members.get(user)
    if (member === undefined) {
      members.set(user, member = { room, user, since, connections: 0, leavesAt: null, announced: false })
      this.count++
    }
    return member
  }

  private remove ({ room, user }: Member): void {
    const members = this.rooms.get(room)
    if (members?.delete(user) !== true) return
    this.count--
    if (members.size === 0) this.rooms.delete(room)
  }

  private leaveLater (member: Member, now: number): void {
    // Behind all others: the grace is the same for everybody.
    this.leaving.delete(member)
    this.leaving.add(member)
    member.leavesAt = now + this.grace
  }

  private touch (member: Member): void {
    const members = this.touched.get(member.room)
    if (members === undefined) this.touched.set(member.room, new Set([member]))
    else members.add(member)
  }
}

function isThere ({ connections, leavesAt }: Member): boolean {
  return connections > 0 || leavesAt !== null
}
