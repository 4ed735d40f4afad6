import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it } from 'mocha'
import { historyRoute } from '../../../bridge/history/route.ts'
import { createHttpApp } from '../../../bridge/http/app.ts'
import { UserTurns } from '../../../bridge/http/user-turns.ts'
import { createRenderer } from '../../../bridge/series/renderer.ts'
import { seriesRoute } from '../../../bridge/series/route.ts'
import type { ReadOptions } from '../../../bridge/store/store.ts'
import { createLog } from '../../helpers/bridge-log.ts'
import { newBroker } from '../../helpers/foyer.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

describe('who asks for what is stored', () => {
  const t = useTeardown()

  /** HTTP beside a store that answers when it is told to. */
  async function serve () {
    const { broker, token } = await newBroker(t)
    const asked: (ReadOptions | undefined)[] = []
    let answers = (): void => {}
    const answering = new Promise<void>(resolve => { answers = resolve })
    const read = async <T> (options: ReadOptions | undefined, answer: T): Promise<T> => {
      asked.push(options)
      await answering
      return answer
    }
    const store = {
      history: (_query: unknown, options?: ReadOptions) => read(options, { messages: [], more: false }),
      series: (_query: unknown, options?: ReadOptions) => read(options, { series: [], more: false })
    }
    const recorder = { position: broker.journal.time + 1, flush: async () => {} }
    const limits = { atOnce: 2, waiting: 2, all: 10 }
    const { logger, lines } = createLog()
    const app = createHttpApp({
      logger,
      bodyLimit: 1000,
      routes: [
        app => { historyRoute(app, { broker, journal: broker.journal, store, recorder, turns: new UserTurns(limits) }) },
        app => { seriesRoute(app, { broker, store, recorder, turns: new UserTurns(limits), renderer: createRenderer() }) }
      ]
    })
    t.after(() => app.close())
    const connections = new Set<Socket>()
    app.server.on('connection', socket => {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
    })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const ask = (what: string, who: string, signal?: AbortSignal) => fetch(`${url}/api/rooms/lobby/${what}`, { headers: { authorization: `Bearer ${token(who)}` }, ...signal !== undefined && { signal } })
    return { ask, asked, answers, lines, connections }
  }

  for (const what of ['history', 'series']) {
    it(`takes the question with them when they go: ${what}`, async () => {
      const { ask, asked, answers, lines, connections } = await serve()
      const gone = new AbortController()
      const given = Array.from({ length: 4 }, () => ask(what, 'ann', gone.signal))
      await until(() => asked.length === 2, 'the first questions')
      gone.abort()
      assert.ok((await Promise.allSettled(given)).every(({ status }) => status === 'rejected'))
      await until(() => asked.every(options => options?.signal?.aborted === true), 'that the store is told')
      // Those that waited never get to it.
      await until(() => connections.size === 0, 'that they are gone')
      answers()
      assert.equal((await ask(what, 'ann')).status, 200)
      assert.equal(asked.length, 3)
      assert.deepEqual(lines.filter(({ level }) => level > 30), [])
    })

    it(`leaves others their turn, and is told when to come back with too much: ${what}`, async () => {
      const { ask, asked, answers, lines } = await serve()
      const mine = Array.from({ length: 4 }, () => ask(what, 'ann'))
      await until(() => asked.length === 2, 'the first questions')
      const refused = await Promise.race(Array.from({ length: 5 }, () => ask(what, 'ann')))
      assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '1'])
      const theirs = ask(what, 'bob')
      await until(() => asked.length === 3, 'the question of somebody else')
      answers()
      assert.equal((await theirs).status, 200)
      for (const answer of mine) assert.ok([200, 429].includes((await answer).status))
      assert.deepEqual(lines.filter(({ level }) => level > 30), [])
    })
  }
})
