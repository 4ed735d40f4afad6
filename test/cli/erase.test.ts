import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import { foyer } from '../helpers/cli-run.ts'
import { history, serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { SECRET } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { useTeardown } from '../helpers/teardown.ts'

const env = { FOYER_JWT_SECRET: SECRET }

describe('foyer erase', function () {
  this.timeout(60_000)
  const shared = useSharedTeardown()
  const t = useTeardown()
  let server: Served
  let flags: string[]

  before(async () => {
    server = await serveWithSecret(shared)
    flags = ['--data-dir', server.dataDir, '--http-port', String(server.ports.http)]
    for (const sub of ['ann', 'a/b c']) {
      const client = await MqttClient.connect(shared, { port: server.ports.mqtt, username: 'x', password: Buffer.from(token(sub)) })
      for (const [i, room] of ['lobby', 'hall'].entries()) client.publish(`rooms/${room}/state/x`, JSON.stringify(sub), { qos: 1, messageId: i + 1 })
      await client.settled()
    }
  })

  const said = async (room: string): Promise<unknown[]> => (await history(server.ports.http, token('eve'), room, '?filter=state/x')).map(({ payload }) => payload)

  it('wants one of a room and a sender', async () => {
    for (const args of [[], ['--room', 'lobby', '--sender', 'ann'], ['--room', '']]) {
      const { code, stdout, stderr } = await foyer(t, ['erase', ...flags, ...args], { env })
      assert.deepEqual([code, stdout, stderr], [1, '', 'foyer: say what to erase, by one of --room and --sender: foyer erase --room lobby\n'])
    }
  })

  it('is for admins, and of what there can be', async () => {
    const user = await foyer(t, ['erase', ...flags, '--admin-token', token('ann'), '--room', 'lobby'])
    assert.match(user.stderr, /^foyer: http:\S+ refused: this is for admins, .* \[policy\]\. /)
    const noRoom = await foyer(t, ['erase', ...flags, '--room', 'a b'], { env })
    assert.match(noRoom.stderr, /^foyer: http:\S+ refused: .*room.* \[badRequest\]\. /)
    assert.deepEqual([user.code, noRoom.code, await said('lobby')], [1, 1, ['a/b c', 'ann']])
  })

  it('forgets what a sender said, and then a room', async () => {
    const sender = await foyer(t, ['erase', ...flags, '--sender', 'a/b c'], { env })
    assert.match(sender.stdout, /^erased: everything that a\/b c sent until \d{4}-.*Z, and 2 retained messages\n$/, sender.stderr)
    assert.deepEqual([await said('lobby'), await said('hall')], [['ann'], ['ann']])
    const room = await foyer(t, ['erase', ...flags, '--room', 'hall'], { env })
    assert.match(room.stdout, /^erased: everything in the room hall until \d{4}-.*Z, and 0 retained messages\n$/, room.stderr)
    assert.deepEqual([await said('lobby'), await said('hall')], [['ann'], []])
  })
})
