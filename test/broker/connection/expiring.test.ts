import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { token as signed } from '../../helpers/auth-tokens.ts'
import { newBroker, SECRET, type TestBroker } from '../../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { useTeardown, type Teardown } from '../../helpers/teardown.ts'

const EXPIRING = '$me/auth/expiring'

async function open (t: Teardown, { port }: TestBroker, exp: number, options: Partial<ConnectOptions> = {}): Promise<MqttClient> {
  return await MqttClient.connect(t, { port, username: 'x', password: Buffer.from(signed(SECRET, { sub: 'ann', exp, rooms: { '*': 'owner' } })), ...options })
}

function seconds (): number {
  return Date.now() / 1000
}

describe('a token that ends', () => {
  const t = useTeardown()

  for (const protocolVersion of [4, 5] as const) {
    it(`is announced a minute before (level ${protocolVersion})`, async () => {
      const foyer = await newBroker(t)
      const exp = seconds() + 61.5
      const client = await open(t, foyer, exp, { protocolVersion })
      await client.subscribe(EXPIRING, 1)
      await client.settled()
      const early = client.inbox.length > 0 && seconds() < exp - 60
      assert.ok(!early, 'it is announced before it is time')
      const { topic, payload, qos } = await client.message(10_000)
      assert.ok(seconds() >= exp - 60)
      assert.equal(topic, EXPIRING)
      assert.equal(qos, 0)
      assert.deepEqual(JSON.parse(payload.toString()), { exp })
    })
  }

  it('is announced on subscribing when it is due, whatever filter asks for it, and once', async () => {
    const foyer = await newBroker(t)
    const exp = Math.floor(seconds()) + 50
    for (const filter of ['$me/#', '$me/auth/#', '$me/auth/+', '$me/+/expiring', EXPIRING]) {
      const client = await open(t, foyer, exp, { clientId: 'a' })
      await client.subscribe(filter)
      const { payload } = await client.message()
      assert.deepEqual(JSON.parse(payload.toString()), { exp }, filter)
      await client.subscribe('$me/auth/#')
      await client.settled()
      assert.deepEqual(client.inbox, [], filter)
    }
  })

  it('is no news to whoever does not ask', async () => {
    const foyer = await newBroker(t)
    const client = await open(t, foyer, Math.floor(seconds()) + 50)
    await client.subscribe(['#', '+/#', '$me/errors', '$me/+', '$me/auth/refreshed'])
    await client.settled()
    assert.deepEqual(client.inbox, [])
  })

  it('closes the connection, with the reason, and its will is published', async () => {
    const foyer = await newBroker(t)
    const watcher = await open(t, foyer, Math.floor(seconds()) + 600, { clientId: 'watcher' })
    await watcher.subscribe('rooms/lobby/messages', 1)
    const will = { topic: 'rooms/lobby/messages', payload: Buffer.from('gone'), qos: 1 as const, retain: false }
    const old = await open(t, foyer, seconds() + 1, { protocolVersion: 5, clientId: 'old', will })
    const { reasonCode, properties } = await old.take('disconnect', 10_000) as { reasonCode: number, properties: { reasonString: string } } & { cmd: 'disconnect' }
    assert.equal(reasonCode, 0xa0)
    assert.match(properties.reasonString, /^the token expired at /)
    await old.closed
    assert.match((await watcher.message()).payload.toString(), /"gone"/)
  })

  it('is why a connection of 3.1.1 was closed: it reads so when it returns', async () => {
    const foyer = await newBroker(t)
    const old = await open(t, foyer, seconds() + 1, { clientId: 'old', clean: false })
    await old.closed
    const again = await open(t, foyer, Math.floor(seconds()) + 600, { clientId: 'old', clean: false })
    await again.subscribe('$me/errors')
    assert.equal((JSON.parse((await again.message()).payload.toString()) as { code: string }).code, 'expired')
  })
})
