import assert from 'node:assert/strict'
import type { Packet } from 'mqtt-packet'
import { newBroker, type Keys, type TestBroker } from './foyer.ts'
import { MqttClient, type ConnectOptions } from './mqtt-client.ts'
import type { Teardown } from './teardown.ts'

/** An answer of MQTT 5 with what it says. */
export type Answer = Packet & { readonly reasonCode?: number, readonly properties?: { readonly reasonString?: string } }

export interface LimitedBroker {
  readonly foyer: TestBroker
  /** Opens a connection of a user, who owns every room. */
  open (sub: string, more?: Partial<ConnectOptions>): Promise<MqttClient>
}

/** A broker with limits, which waits no longer than a second unless `keys` says otherwise. */
export async function limited (t: Teardown, keys: Keys, yaml = ''): Promise<LimitedBroker> {
  const foyer = await newBroker(t, { 'admission.maxWait': '1s', ...keys }, yaml)
  return {
    foyer,
    open: async (sub, more = {}) => await MqttClient.connect(t, { port: foyer.port, username: 'x', password: Buffer.from(foyer.token(sub)), ...more })
  }
}

/** The text of the next answer, which says "not now". */
export function refusalOf (answer: Packet): string {
  const { reasonCode, properties } = answer as Answer
  assert.equal(reasonCode, 0x97)
  return properties!.reasonString!
}

/** received = accepted + refused, and how often a code was given. */
export function balance ({ broker }: TestBroker, code: string): number {
  const { received, accepted, refused } = broker.stats()
  assert.equal(received, accepted + [...refused.values()].reduce((sum, count) => sum + count, 0))
  return refused.get(code) ?? 0
}
