import mqttPacket, { type IConnackPacket, type IPublishPacket, type ISubscription, type Packet } from 'mqtt-packet'
import { newBroker, type Keys, type TestBroker } from '../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../helpers/mqtt-client.ts'
import { within } from '../helpers/within.ts'
import type { Teardown } from '../helpers/teardown.ts'

export type Version = 3 | 4 | 5

export const VERSIONS: readonly Version[] = [4, 5]

/** How a version is called in test titles. */
export function named (version: Version): string {
  return version === 3 ? '3.1' : version === 4 ? '3.1.1' : '5.0'
}

const ANY_TOPIC = `channels:
  any: { topic: "{any...}", room: open, qos: 0, retain: publisher, stamp: false, echo: true, store: false, durability: memory, publish: [owner], subscribe: [owner] }
`

/** Foyer as a plain MQTT broker: any topic, nobody needs a token. */
export async function plainBroker (t: Teardown, keys: Keys = {}): Promise<TestBroker> {
  return await newBroker(t, { 'auth.anonymous': 'owner', ...keys }, ANY_TOPIC)
}

/** A client that keeps its session: clean=0, and on MQTT 5 with an expiry. */
export function lasting (protocolVersion: Version, clientId: string, clean = false): Partial<ConnectOptions> & { protocolVersion: Version, clientId: string, clean: boolean } {
  return { protocolVersion, clientId, clean, ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}) }
}

/** Subscribes with all options of MQTT 5 and resolves with the granted codes. */
export async function subscribe5 (client: MqttClient, subscriptions: (Partial<ISubscription> & { topic: string })[], properties: { subscriptionIdentifier?: number } = {}, messageId = 1): Promise<number[]> {
  client.send({
    cmd: 'subscribe',
    messageId,
    properties,
    subscriptions: subscriptions.map(subscription => ({ qos: 0 as const, nl: false, rap: false, rh: 0, ...subscription }))
  })
  return (await client.take('suback') as Packet & { granted: number[] }).granted
}

export async function unsubscribe (client: MqttClient, filters: string | string[], messageId = 2): Promise<Packet & { granted?: number[] }> {
  client.send({ cmd: 'unsubscribe', messageId, unsubscriptions: Array.isArray(filters) ? filters : [filters] })
  return await client.take('unsuback') as Packet & { granted?: number[] }
}

/** A socket that has sent nothing yet. */
export function socket (t: Teardown, port: number, version: Version = 4): MqttClient {
  return new MqttClient(t, port, version)
}

/** A valid CONNECT as bytes, to be damaged. */
export function connectBytes (protocolVersion: Version, options: Partial<ConnectOptions> = {}): Buffer {
  return mqttPacket.generate({
    cmd: 'connect',
    protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion,
    clean: true,
    clientId: 'c',
    keepalive: 0,
    ...options
  }, { protocolVersion })
}

/** Code of a CONNACK, whatever the version. */
export function codeOf (connack: IConnackPacket): number | undefined {
  return connack.reasonCode ?? connack.returnCode
}

/** Packet with a fixed header whose remaining length fits in one byte. */
export function packet (header: number, ...body: (number | Uint8Array | number[])[]): Buffer {
  const bytes = Buffer.concat(body.map(part => typeof part === 'number' ? Buffer.of(part) : Buffer.from(part)))
  return Buffer.concat([Buffer.of(header, bytes.length), bytes])
}

/** A string or binary field with its two-byte length. */
export function field (value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Resolves when the broker has closed; the DISCONNECT reason that it gave on MQTT 5, if any. */
export async function closedWith (client: MqttClient): Promise<number | null> {
  await within(1500, 'the broker did not close', client.closed)
  const goodbye = client.inbox.find(packet => packet.cmd === 'disconnect')
  return goodbye === undefined ? null : (goodbye as { reasonCode?: number }).reasonCode ?? 0
}

/** What arrived of one kind and was not taken. */
export function left (client: MqttClient, cmd: Packet['cmd']): Packet[] {
  return client.inbox.filter(packet => packet.cmd === cmd)
}

/** PUBLISH packets that arrived, after a round trip of the receiver. */
export async function messages (client: MqttClient): Promise<IPublishPacket[]> {
  await client.settled()
  const found = left(client, 'publish') as IPublishPacket[]
  for (const message of found) client.inbox.splice(client.inbox.indexOf(message), 1)
  return found
}

/** As `messages`, as text. */
export async function payloads (client: MqttClient): Promise<string[]> {
  return (await messages(client)).map(({ payload }) => payload.toString())
}
