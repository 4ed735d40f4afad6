import type { Broker, Identity } from '../../broker/index.ts'
import { FoyerError } from '../../protocol/errors.ts'
import type { Role } from '../../protocol/channel.ts'
import { decide } from '../../protocol/policy.ts'
import { presenceTopic, rosterTopic } from '../../protocol/presence.ts'
import { roleIn } from '../../protocol/room-grants.ts'
import type { KeepingStore, RoomsQuery } from '../store/store.ts'
import { FirstNames } from './first-names.ts'

export interface RoomsSources {
  readonly broker: Pick<Broker, 'channels' | 'presence' | 'rooms'>
  /** What history knows of rooms; null where it can't be asked. */
  readonly store: Pick<KeepingStore, 'rooms'> | null
}

/** A room as its caller sees it. */
export interface ListedRoom {
  readonly room: string
  readonly role: Role
  /** Users that presence shows; null for who may not follow it. */
  readonly participants: number | null
}

export interface RoomsPage {
  readonly rooms: readonly ListedRoom[]
  readonly more: boolean
}

/**
 * The rooms that a token grants, behind a name: those that it names always, of those that its prefixes and `*` cover the
 * ones that are known, as somebody is there or anything is retained or stored.
 */
export async function listRooms ({ broker, store }: RoomsSources, identity: Identity, { after, limit }: Omit<RoomsQuery, 'prefixes'>): Promise<RoomsPage> {
  const { grants } = identity
  const prefixes = grants.all === null ? grants.prefixes.map(({ prefix }) => prefix) : ['']
  // One more than asked for tells whether more follow.
  const names = new FirstNames(limit + 1)
  for (const room of grants.exact.keys()) if (room > after) names.add(room)
  if (prefixes.length > 0) {
    for (const room of broker.rooms()) if (room > after && roleIn(grants, room) !== null) names.add(room)
    for (const room of await stored(store, { after, limit: limit + 1, prefixes })) names.add(room)
  }
  const found = names.sorted()
  return {
    rooms: found.slice(0, limit).map(room => ({ room, role: roleIn(grants, room)!.role, participants: mayFollow(broker, identity, room) ? broker.presence(room).length : null })),
    more: found.length > limit
  }
}

async function stored (store: RoomsSources['store'], query: RoomsQuery): Promise<readonly string[]> {
  try {
    return await store?.rooms(query) ?? []
  } catch (cause) {
    throw new FoyerError('unavailable', 'the rooms of history could not be read now', { cause })
  }
}

function mayFollow ({ channels }: Pick<Broker, 'channels'>, identity: Identity, room: string): boolean {
  const topic = presenceTopic(channels, room) ?? rosterTopic(channels, room, identity.sub)
  return topic !== null && decide(channels, identity, 'deliver', topic).allowed
}
