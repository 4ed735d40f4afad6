import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'mocha'
import type { IConnackPacket } from 'mqtt-packet'
import { newBroker } from '../../helpers/foyer.ts'
import { MqttClient } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'

const codeOf = ({ reasonCode, returnCode }: IConnackPacket): number | undefined => reasonCode ?? returnCode

describe('limits.connectRate', () => {
  const t = useTeardown()

  for (const protocolVersion of [4, 5] as const) {
    const refused = protocolVersion === 5 ? 0x9f : 3

    it(`refuses an address before it looks at who connects, says so, and disturbs no other address (level ${protocolVersion})`, async () => {
      const { port, token, log } = await newBroker(t, { 'limits.connectRate': '5' })
      const open = async (sub: string | null, localAddress: string): Promise<IConnackPacket> => (await MqttClient.open(t, {
        port, protocolVersion, localAddress, ...(sub === null ? {} : { username: 'x', password: Buffer.from(token(sub)) })
      })).connack
      const opened = await Promise.all([1, 2, 3, 4, 5].map(async i => codeOf(await open(`user-${i}`, '127.0.0.2'))))
      assert.deepEqual(opened, [0, 0, 0, 0, 0])
      // Without a password: the answer to that would be another one.
      const connack = await open(null, '127.0.0.2')
      assert.equal(codeOf(connack), refused)
      const text = 'connection rate exceeded: limits.connectRate allows 5 connections per second of one address'
      if (protocolVersion === 5) assert.equal(connack.properties?.reasonString, text)
      assert.ok(log.some(({ code, msg, remedy }) => code === 'connectRate' && msg === `refused a connection: ${text}` && /limits\.connectRate/.test(String(remedy))))
      assert.equal(codeOf(await open('ann', '127.0.0.3')), 0)
      await sleep(250)
      assert.equal(codeOf(await open('ann', '127.0.0.2')), 0)
    })

    it(`refuses a user from wherever it comes, and no other user (level ${protocolVersion})`, async () => {
      const { port, token, log } = await newBroker(t, { 'limits.connectRate': '3' })
      const open = async (sub: string, host: number, password = token(sub)): Promise<IConnackPacket> => (await MqttClient.open(t, {
        port, protocolVersion, localAddress: `127.0.0.${host}`, username: sub, password: Buffer.from(password)
      })).connack
      // Whoever only says the name takes nothing from its owner.
      for (const host of [2, 3, 4, 5]) assert.notEqual(codeOf(await open('ann', host, 'nothing')), 0)
      for (const host of [6, 7, 8]) assert.equal(codeOf(await open('ann', host)), 0)
      const connack = await open('ann', 9)
      assert.equal(codeOf(connack), refused)
      const text = 'connection rate exceeded: limits.connectRate allows 3 connections per second of one user'
      if (protocolVersion === 5) assert.equal(connack.properties?.reasonString, text)
      assert.ok(log.some(({ msg }) => msg === `refused a connection: ${text}`))
      assert.equal(codeOf(await open('bob', 9)), 0)
    })
  }

  it('writes few lines about many refusals', async () => {
    const { port, log } = await newBroker(t, { 'limits.connectRate': '1' })
    for (let i = 0; i < 100; i++) await MqttClient.open(t, { port })
    const lines = log.filter(({ code }) => code === 'connectRate').length
    assert.ok(lines >= 10 && lines <= 30, `${lines} lines`)
  })
})
