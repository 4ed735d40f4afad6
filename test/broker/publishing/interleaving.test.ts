import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import fc from 'fast-check'
import type { Identity, OutsideMessage } from '../../../broker/index.ts'
import { FoyerError } from '../../../protocol/errors.ts'
import { rounds } from '../../helpers/attack-target.ts'
import { Restarts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'

const TOPICS = ['rooms/lobby/messages', 'rooms/lobby/telemetry/x/y', 'rooms/elsewhere/messages']

/** Requests of a turn come at the same moment; some of their clients go away. */
interface Step { readonly user: number, readonly key: number, readonly content: number, readonly leaves: boolean }
type Turn = readonly Step[] | 'kill' | 'restart'

const step: fc.Arbitrary<Step> = fc.record({ user: fc.nat(1), key: fc.nat(2), content: fc.nat(2), leaves: fc.nat(5).map(n => n === 0) })
const turn: fc.Arbitrary<Turn> = fc.oneof(
  { weight: 8, arbitrary: fc.array(step, { minLength: 1, maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom('kill' as const, 'restart' as const) }
)

describe('requests with an Idempotency-Key', function () {
  const RUNS = rounds(40, 8)
  this.timeout(RUNS * 20_000)
  const t = useTeardown()

  it('are known from snapshots, one after the other', async () => {
    const restarts = await Restarts.begin(t)
    const answers = new Set<string | null>()
    for (let i = 0; i < 3; i++) {
      const { broker, token } = restarts.foyer
      answers.add(await broker.publish(await broker.authenticator.verify(token('ann')), { topic: TOPICS[0]!, payload: Buffer.from('x'), qos: 1, retain: false }, { key: 'a' }))
      assert.equal(broker.stats().received, i === 0 ? 1 : 0)
      await broker.close()
      const image = restarts.image()
      assert.ok(readdirSync(join(image, 'journal')).some(name => name.startsWith('snapshot-')))
      await restarts.resume(image)
    }
    assert.equal(answers.size, 1)
  })

  it('are served once, in whatever order they come, and over kills and restarts', async () => {
    await fc.assert(fc.asyncProperty(fc.array(turn, { maxLength: 8 }), async turns => {
      const restarts = await Restarts.begin(t)
      /** What was asked for first, and what was answered, by user and key. */
      const served = new Map<string, { readonly content: number, id: string | null }>()
      let identities: Identity[] = []
      const enter = async (): Promise<void> => {
        const { broker, token } = restarts.foyer
        // The one user may not publish in the third room.
        identities = await Promise.all([broker.authenticator.verify(token('ann')), broker.authenticator.verify(token('bob', { lobby: 'owner' }))])
      }
      await enter()
      for (const turn of turns) {
        if (turn === 'kill' || turn === 'restart') {
          if (turn === 'kill') {
            await restarts.kill()
          } else {
            // A snapshot is written at the end, and read at the start.
            await restarts.foyer.broker.close()
            await restarts.resume(restarts.image())
          }
          await enter()
          continue
        }
        await Promise.all(turn.map(async ({ user, key, content, leaves }) => {
          const name = `${user} ${key}`
          const message: OutsideMessage = { topic: TOPICS[content]!, payload: Buffer.from(`"${name} ${content}"`), qos: 1, retain: false }
          const gone = new AbortController()
          const isRefused = user === 1 && content === 2
          if (!served.has(name) && !isRefused) served.set(name, { content, id: null })
          const first = served.get(name)
          const asked = restarts.foyer.broker.publish(identities[user]!, message, { key: `key-${key}`, signal: gone.signal })
          if (leaves) gone.abort()
          try {
            const id = await asked
            assert.equal(first!.content, content)
            first!.id ??= id
            assert.equal(id, first!.id)
          } catch (error) {
            if (leaves && error === gone.signal.reason) return
            assert.ok(error instanceof FoyerError, String(error))
            assert.equal(error.code, first !== undefined && first.content !== content ? 'idempotency' : isRefused ? 'policy' : 'none')
          }
        }))
        await restarts.foyer.broker.journal.flush()
      }
      // What the journal has of each is one message, that of the answer.
      const found = new Map<string, string[]>()
      for await (const messages of restarts.foyer.broker.journal.tail(0).read({ after: 0, before: Number.MAX_SAFE_INTEGER, order: 'oldest' }, () => true)) {
        for (const { payload, cursor } of messages) {
          const text = Buffer.from(payload).toString()
          const name = /(\d \d) \d/.exec(text)![1]!
          found.set(name, [...found.get(name) ?? [], cursor])
        }
      }
      for (const [name, { id }] of served) {
        const cursors = found.get(name)!
        assert.equal(cursors.length, 1, `${name} is there ${cursors.length} times`)
        if (id !== null) assert.equal(cursors[0], id)
      }
      assert.equal(found.size, served.size)
      await restarts.foyer.close()
    }), { numRuns: RUNS })
  })
})
