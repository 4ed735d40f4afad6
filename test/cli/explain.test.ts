import assert from 'node:assert/strict'
import { Command } from 'commander'
import { describe, it } from 'mocha'
import { addExplain } from '../../cli/explain.ts'
import { foyer, temporaryFolder } from '../helpers/cli-run.ts'
import { token } from '../helpers/cli-serve.ts'
import { newBroker, SECRET } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'

const env = { FOYER_JWT_SECRET: SECRET }

/** What the table of roles says, written down once more: topics of room `lobby` for the user `sensor-7`. */
const MAY_PUBLISH: Record<string, readonly string[]> = {
  listener: [],
  device: ['telemetry/sensor-7/t', 'state/sensor-7', 'results/sensor-7', 'live/cursor'],
  gateway: ['telemetry/sensor-7/t', 'state/sensor-7', 'results/sensor-7', 'live/cursor', 'telemetry/other/t', 'state/other', 'results/other'],
  member: ['messages', 'live/cursor'],
  owner: ['messages', 'telemetry/sensor-7/t', 'telemetry/other/t', 'state/sensor-7', 'state/other', 'commands/sensor-7', 'commands/other', 'results/sensor-7', 'results/other', 'live/cursor']
}
const MAY_SUBSCRIBE: Record<string, readonly string[]> = {
  listener: ['messages', 'telemetry/sensor-7/t', 'telemetry/other/t', 'state/sensor-7', 'state/other', 'live/cursor', 'presence', 'presence/sensor-7'],
  device: ['state/sensor-7', 'commands/sensor-7'],
  gateway: ['state/sensor-7', 'commands/sensor-7', 'state/other', 'commands/other'],
  member: ['messages', 'telemetry/sensor-7/t', 'telemetry/other/t', 'state/sensor-7', 'state/other', 'live/cursor', 'presence', 'presence/sensor-7'],
  owner: ['messages', 'telemetry/sensor-7/t', 'telemetry/other/t', 'state/sensor-7', 'state/other', 'commands/sensor-7', 'commands/other', 'results/sensor-7', 'results/other', 'live/cursor', 'presence', 'presence/sensor-7']
}
const TOPICS = [...MAY_SUBSCRIBE.owner!].map(rest => `rooms/lobby/${rest}`)

/** What a running broker says to all topics, in order. */
async function ask (t: Teardown, port: number, bearer: string): Promise<{ publish: boolean[], subscribe: boolean[] }> {
  const client = await MqttClient.connect(t, { port, protocolVersion: 5, username: 'x', password: Buffer.from(bearer) })
  const subscribe = (await client.subscribe(TOPICS)).map(code => code < 0x80)
  const publish: boolean[] = []
  for (const [index, topic] of TOPICS.entries()) {
    client.publish(topic, '1', { qos: 2, messageId: index + 1 })
    const { reasonCode } = await client.take('pubrec') as { reasonCode?: number }
    publish.push((reasonCode ?? 0) < 0x80)
    if (publish.at(-1)) {
      client.send({ cmd: 'pubrel', messageId: index + 1 })
      await client.take('pubcomp')
    }
  }
  return { publish, subscribe }
}

/** The command without its process, as a process for each topic would take minutes. */
async function explain (...args: string[]): Promise<{ stdout: string, code: number }> {
  const program = new Command().exitOverride()
  addExplain(program)
  const { log } = console
  const { exitCode } = process
  const lines: string[] = []
  process.exitCode = 0
  console.log = (line: string) => { lines.push(line) }
  try {
    await program.parseAsync(['explain', '--jwt-secret', SECRET, ...args], { from: 'user' })
    return { stdout: lines.join('\n'), code: Number(process.exitCode) }
  } finally {
    console.log = log
    process.exitCode = exitCode
  }
}

describe('foyer explain', function () {
  this.timeout(60_000)
  const t = useTeardown()

  for (const role of Object.keys(MAY_PUBLISH)) {
    it(`judges a ${role} as the broker does, and both as the table of roles says`, async () => {
      const bearer = token('sensor-7', { lobby: role })
      const { port } = await newBroker(t)
      const answers = await ask(t, port, bearer)
      const expected = (may: Record<string, readonly string[]>): boolean[] => TOPICS.map(topic => may[role]!.includes(topic.slice('rooms/lobby/'.length)))
      assert.deepEqual(answers, { publish: expected(MAY_PUBLISH), subscribe: expected(MAY_SUBSCRIBE) })

      for (const action of ['publish', 'subscribe'] as const) {
        for (const [index, topic] of TOPICS.entries()) {
          const { stdout, code } = await explain('--token', bearer, action, topic)
          const allowed = answers[action][index]!
          assert.match(stdout, allowed ? /^allowed: .+$/ : /^refused: .+ \[policy\]\. .+$/, `${action} ${topic}`)
          assert.equal(code, allowed ? 0 : 1)
          assert.ok(stdout.includes(role), stdout)
        }
      }
    })
  }

  it('names the rule of what has no role: other rooms, other topics, wildcards, QoS', async () => {
    const bearer = token('ann', { lobby: 'owner' })
    const cases: [args: string[], answer: RegExp][] = [
      [['publish', 'rooms/kitchen/messages'], /^refused: no grant of your token covers room kitchen \[policy\]/],
      [['publish', 'elsewhere'], /^refused: .*outside every channel \[topic\]/],
      [['publish', '$SYS/uptime'], /^refused: .*\[topic\]/],
      [['publish', '--qos', '0', 'rooms/lobby/commands/lamp'], /^refused: channel commands takes QoS 2.*\[belowQos\]/],
      [['subscribe', 'rooms/+/messages'], /^allowed: /],
      [['subscribe', 'rooms/kitchen/#'], /^refused: /],
      [['subscribe', 'rooms/#/messages'], /^refused: .*\[filter\]/],
      [['subscribe', '$me/errors'], /^allowed: /],
      [['connect'], /^allowed: ann may connect until \d{4}-.*; owner of lobby$/]
    ]
    for (const [args, answer] of cases) {
      const { stdout, code } = await explain('--token', bearer, ...args)
      assert.match(stdout, answer)
      assert.equal(code, stdout.startsWith('allowed') ? 0 : 1)
    }
    // And as a process.
    const [allowed, refused] = await Promise.all(['lobby', 'kitchen'].map(async room => await foyer(t, ['explain', '--token', bearer, 'publish', `rooms/${room}/messages`], { env })))
    assert.deepEqual([allowed!.code, refused!.code], [0, 1])
    assert.match(allowed!.stdout, /^allowed: .+\n$/)
    assert.match(refused!.stdout, /^refused: .+\n$/)
  })

  it('looks for the token where the configuration says that clients put it', async () => {
    const { stdout } = await foyer(t, ['explain', '--token', token('ann'), 'connect'], { env: { ...env, FOYER_AUTH_TOKEN_FROM: 'username' } })
    assert.match(stdout, /^allowed: ann may connect/)
  })

  it('says what it lacks', async () => {
    const [noTopic, noKey] = await Promise.all([
      foyer(t, ['explain', '--token', token('ann'), 'publish'], { env }),
      foyer(t, ['explain', '--token', token('ann'), 'connect'], { cwd: temporaryFolder(t), env: { FOYER_DATA_DIR: 'nowhere' } })
    ])
    assert.match(noTopic.stderr, /publish needs a topic: foyer explain publish 'rooms/)
    assert.equal(noTopic.code, 1)
    assert.match(noKey.stderr, /no key .*nowhere\/secret.*--data-dir/)
    assert.equal(noKey.code, 1)
  })
})
