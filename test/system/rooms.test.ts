import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { before, describe, it } from 'mocha'
import { mintToken } from '../../broker/auth/mint.ts'
import { foyer, type Running } from '../helpers/cli-run.ts'
import { history, serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { SECRET } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { newCertificate } from '../helpers/system-certificate.ts'
import { mosquittoPub, mosquittoSub } from '../helpers/system-mosquitto.ts'
import { useSharedTeardown } from '../helpers/system-shared.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

/** The payloads that `mosquitto_sub -v` printed for a topic. */
function payloads ({ stdout }: Running, topic: string): Record<string, unknown>[] {
  return stdout.split('\n').filter(line => line.startsWith(`${topic} {`)).map(line => JSON.parse(line.slice(topic.length + 1)) as Record<string, unknown>)
}

const MESSAGES = 'rooms/lobby/messages'

describe('a room in the shell', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const shared = useSharedTeardown()
  let server: Served
  let certificate: { cert: string, key: string }

  before(async () => {
    certificate = newCertificate(shared)
    server = await serveWithSecret(shared, { flags: ['--mqtts-port', '0', '--tls-cert', certificate.cert, '--tls-key', certificate.key] })
  })

  const ann = token('ann')
  const bob = token('bob', { lobby: 'member' })

  for (const transport of ['TCP', 'TLS'] as const) {
    for (const version of ['mqttv31', '311', '5'] as const) {
      it(`shows what another user says, stamped, at every QoS (${version} over ${transport})`, async () => {
        const place = transport === 'TCP' ? { port: server.ports.mqtt } : { port: server.ports.mqtts, cafile: certificate.cert }
        const watching = await mosquittoSub(t, ['rooms/lobby/messages', '$me/errors'], { ...place, token: ann, version, qos: 2 })
        const texts = ([0, 1, 2] as const).map(qos => `${version} ${transport} ${qos}`)
        for (const qos of [0, 1, 2] as const) {
          const { code, stderr } = await mosquittoPub(t, MESSAGES, texts[qos]!, { ...place, token: bob, version, qos })
          assert.equal(code, 0, stderr)
        }
        await until(() => payloads(watching, MESSAGES).length === 3, `three messages in ${watching.stdout}`)
        const seen = payloads(watching, MESSAGES)
        assert.deepEqual(seen.map(({ text }) => text), texts)
        for (const message of seen) {
          assert.equal(message.sender, 'bob')
          assert.equal(message.room, 'lobby')
          assert.match(String(message.timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
          assert.match(String(message.id), /^[\w-]+$/)
        }
        assert.ok(!watching.stdout.includes('\n$me/errors '), watching.stdout)
        // The same messages, by the same ids, are history at once.
        const stored = (await history(server.ports.http, ann, 'lobby', '?filter=messages&limit=3')).reverse()
        assert.deepEqual(stored.map(({ payload }) => payload), seen)
        assert.deepEqual(stored.map(({ id }) => id), seen.map(({ id }) => id))
      })
    }
  }

  it('tells MQTT 5 publishers why not, in words', async () => {
    const { stderr, stdout } = await mosquittoPub(t, MESSAGES, 'hi', { port: server.ports.mqtt, token: token('eve', { lobby: 'listener' }), version: '5' })
    assert.match(stdout + stderr, /Not authorized/i)
  })

  it('tells 3.1.1 clients why not on $me/errors, in the words of foyer explain', async () => {
    const eve = token('eve', { lobby: 'listener' })
    const client = await MqttClient.connect(t, { port: server.ports.mqtt, username: 'x', password: Buffer.from(eve) })
    await client.subscribe('$me/errors')
    client.publish(MESSAGES, 'hi', { qos: 1, messageId: 1 })
    await client.take('puback')
    const report = JSON.parse((await client.message()).payload.toString()) as { code: string, message: string, topic: string }
    await client.settled()
    assert.equal(report.topic, MESSAGES)
    const { code, stdout } = await foyer(t, ['explain', '--token', eve, 'publish', MESSAGES], { env: { FOYER_JWT_SECRET: SECRET } })
    assert.equal(code, 1)
    // 160 bytes are all that a report may have; what does not fit ends in an ellipsis.
    const words = report.message.replace(/…$/, '')
    assert.ok(stdout.startsWith(`refused: ${words}`), `${report.message} / ${stdout}`)
    assert.match(stdout, new RegExp(`\\[${report.code}\\]`))
  })

  it('shows a shell that only watches nothing of what was refused', async () => {
    const watching = await mosquittoSub(t, ['rooms/quiet/#'], { port: server.ports.mqtt, token: ann })
    await mosquittoPub(t, 'rooms/quiet/messages', 'refused', { port: server.ports.mqtt, token: bob })
    await mosquittoPub(t, 'rooms/quiet/messages', 'accepted', { port: server.ports.mqtt, token: ann })
    await watching.says(/accepted/)
    assert.ok(!watching.stdout.includes('refused'))
    assert.deepEqual((await history(server.ports.http, ann, 'quiet', '?filter=messages')).map(({ payload }) => (payload as { text: string }).text), ['accepted'])
  })

  describe('does not let in', () => {
    const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const sign = (header: object, claims: object, secret = SECRET): string => {
      const text = `${base64(header)}.${base64(claims)}`
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
    }
    const HS256 = { alg: 'HS256', typ: 'JWT' }
    // Made when the file is read; the tests before it may take hours.
    const tomorrow = Math.floor(Date.now() / 1000) + 24 * 3600
    const claims = { sub: 'eve', exp: tomorrow, rooms: { '*': 'owner' } }
    const kinds: readonly [kind: string, token: string, code: string, returnCode: 4 | 5][] = [
      ['a word that is no JWT', 'open-sesame-please', 'tokenMalformed', 4],
      ['a token of another secret', mintToken('another secret, just as long as ours', { sub: 'eve', rooms: {}, expiresIn: 60 }), 'tokenSignature', 5],
      ['an expired token', sign(HS256, { ...claims, exp: tomorrow - 48 * 3600 }), 'tokenExpired', 5],
      ['a token of tomorrow', sign(HS256, { ...claims, nbf: tomorrow - 60 }), 'tokenNotYet', 5],
      ['a token without an end', sign(HS256, { sub: 'eve', rooms: {} }), 'tokenUnlimited', 5],
      ['an unsigned token', `${base64({ alg: 'none' })}.${base64(claims)}.`, 'tokenAlgorithm', 5],
      ['a token that names another algorithm', sign({ alg: 'RS256' }, claims), 'tokenAlgorithm', 5],
      ['a token without a sub', sign(HS256, { ...claims, sub: undefined }), 'tokenSubject', 5],
      ['a token with an unknown role', sign(HS256, { ...claims, rooms: { lobby: 'king' } }), 'tokenRooms', 5]
    ]

    for (const [kind, bad, code, returnCode] of kinds) {
      it(`${kind}: ${code}`, async () => {
        const seen = server.log().length
        const { code: exit, stderr } = await mosquittoPub(t, MESSAGES, 'hi', { port: server.ports.mqtt, token: bad })
        assert.equal(exit, returnCode)
        assert.match(stderr, /Connection Refused/)
        await until(() => server.log().slice(seen).some(entry => entry.code === code), `a log line with ${code} in ${JSON.stringify(server.log().slice(seen))}`)
        const entry = server.log().slice(seen).find(entry => entry.code === code)!
        assert.ok(String(entry.msg).length > 20 && String(entry.remedy).length > 10, JSON.stringify(entry))
        for (const part of bad.split('.').filter(part => part.length > 8)) assert.ok(!server.process.stderr.includes(part), 'the log holds a part of the token')
        const explained = await foyer(t, ['explain', '--token', bad, 'connect'], { env: { FOYER_JWT_SECRET: SECRET } })
        assert.equal(explained.code, 1)
        assert.match(explained.stdout, new RegExp(`^refused: .*\\[${code}\\]`))
      })
    }

    it('anybody without a token', async () => {
      const { connack } = await MqttClient.open(t, { port: server.ports.mqtt })
      assert.equal(connack.returnCode, 5)
      await until(() => /credentialsMissing/.test(server.process.stderr), 'a log line with credentialsMissing')
    })
  })
})
