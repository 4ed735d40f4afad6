import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'mocha'
import { GapFiller } from '../../client/gap-filler.ts'
import { FoyerClientError } from '../../client/errors.ts'
import { Http } from '../../client/http.ts'
import { liveMessage, storedMessage, type Message } from '../../client/message.ts'
import { HttpResume, type Gap, type Resume } from '../../client/resume.ts'
import { TokenSource } from '../../client/tokens.ts'
import { decodeCursor, encodeCursor } from '../../protocol/cursor.ts'
import { arrived } from '../helpers/client.ts'
import { useTeardown } from '../helpers/teardown.ts'

const GAP: Gap = { room: 'lobby', filter: '#', after: null, since: 0 }

function stored (i: number): Message {
  return storedMessage({ id: encodeCursor(i), topic: 'rooms/lobby/messages', sender: 'ann', timestamp: '', qos: 1, payload: { i } }, true)
}

/** The same message as the connection brings it. */
function live (i: number): Message {
  return liveMessage('rooms/lobby/messages', new TextEncoder().encode(JSON.stringify({ id: encodeCursor(i), i })), { qos: 1, retain: false })
}

function unstored (): Message {
  return liveMessage('rooms/lobby/live/x', new Uint8Array(1), { qos: 0, retain: false })
}

describe('filling a gap', () => {
  const t = useTeardown()

  it('begins where the server was when the subscription began, by the server\'s own clock', async () => {
    const asked: URLSearchParams[] = []
    const hourAhead = 3_600_000
    const server = createServer((request, response) => {
      asked.push(new URL(request.url!, 'http://x').searchParams)
      response.setHeader('date', new Date(Date.now() + hourAhead).toUTCString()).end('{"messages":[],"next":null}')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const resume = new HttpResume(new Http(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, new TokenSource('x', undefined)))
    const since = Date.now() - 60_000
    for await (const messages of resume.missed({ ...GAP, since })) assert.deepEqual(messages, [])
    assert.equal(asked.length, 2)
    const after = decodeCursor(asked[1]!.get('after')!)!.time / 1000
    assert.ok(after <= since + hourAhead && after > since + hourAhead - 10_000, `${after - since - hourAhead} ms`)
  })

  /** A resume that answers what the test says, and a filler with what came out of it. */
  function filler (answers: (() => AsyncIterable<readonly Message[]>)[]): { filler: GapFiller, out: string[], errors: FoyerClientError[], dropped: number[] } {
    const out: string[] = []
    const errors: FoyerClientError[] = []
    const dropped: number[] = []
    const resume: Resume = { missed: () => answers.shift()!() }
    const made = new GapFiller(resume, {
      stored: ({ payload }) => out.push(`stored ${(payload as { i: number }).i}`),
      live: ({ id, payload }) => out.push(id === null ? 'unstored' : `live ${(payload as { i: number }).i}`),
      failed: error => errors.push(error),
      dropped: count => dropped.push(count)
    })
    t.after(() => made.close())
    return { filler: made, out, errors, dropped }
  }

  it('lets live messages pass behind the missed ones, and those that are among these not at all', async () => {
    const { filler: gap, out } = filler([async function * () {
      yield [stored(1), stored(2)]
      yield [stored(3)]
    }])
    gap.hold()
    gap.keep(live(3))
    gap.keep(unstored())
    gap.keep(live(4))
    gap.fill(() => GAP)
    gap.release()
    assert.deepEqual(out, [])
    await arrived(out, 5)
    assert.deepEqual(out, ['stored 1', 'stored 2', 'stored 3', 'unstored', 'live 4'])
    assert.equal(gap.holding, false)
  })

  it('reads what it can\'t hold, and reads again what was missed while it read', async () => {
    let more: () => void = () => {}
    const { filler: gap, out, dropped } = filler([async function * () {
      yield [stored(1)]
      more()
    }, async function * () {
      yield [stored(2)]
    }])
    more = () => {
      gap.keep(unstored())
      for (let i = 10; i < 5_010; i++) gap.keep(live(i))
      gap.keep(live(6_000))
    }
    gap.fill(() => GAP)
    await arrived(out, 3)
    assert.deepEqual(out, ['stored 1', 'stored 2', 'live 6000'])
    assert.deepEqual(dropped, [1])
  })

  it('tries again what may work later, and gives up with an error what will not', async () => {
    const fails = (code: 'unreachable' | 'policy') => async function * (): AsyncGenerator<readonly Message[]> {
      throw new FoyerClientError(code)
      yield []
    }
    const { filler: gap, out, errors } = filler([fails('unreachable'), async function * () { yield [stored(1)] }, fails('policy')])
    gap.fill(() => GAP)
    gap.keep(live(2))
    await arrived(out, 2)
    assert.deepEqual(out, ['stored 1', 'live 2'])
    assert.equal(errors.length, 0)
    gap.fill(() => ({ ...GAP, after: 'A' }))
    gap.keep(live(3))
    await arrived(out, 3)
    assert.equal(errors[0]!.code, 'gap')
    assert.match(errors[0]!.message, /lobby behind A/)
  })
})
