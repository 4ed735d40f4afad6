/**
 * The client of Foyer, for browsers and Node: rooms, devices, history, over one MQTT connection that comes back.
 *
 * @packageDocumentation
 */
export { connect } from './connect.ts'
export { FoyerClientError } from './errors.ts'
export type { Client, ClientEvents, ClientState } from './client.ts'
export type { CommandResult } from './commands.ts'
export type { Command, CommandHandler, Device } from './device.ts'
export type { AnyErrorCode, ErrorKind } from './errors.ts'
export type { Feed, FeedEvents, SubscribeOptions } from './feed.ts'
export type { HistoryOptions, HistoryPage } from './history.ts'
export type { Message, UserProperties } from './message.ts'
export type { ConnectOptions, DeviceWill, TopicWill } from './options.ts'
export type { Payload } from './payload.ts'
export type { Published } from './publisher.ts'
export type { Refreshed } from './refresh.ts'
export type { CommandOptions, JoinOptions, Presence, Room, RoomEvents } from './room.ts'
export type { Replayed } from './subscription.ts'
export type { Kind } from './topics.ts'
