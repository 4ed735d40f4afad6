import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { besideBroker, type Beside } from '../../helpers/bridge-beside-broker.ts'
import { request, type Answer } from '../../helpers/bridge-server.ts'
import { useTeardown } from '../../helpers/teardown.ts'

const PATH = '/api/rooms'

describe('limits.httpRate', () => {
  const t = useTeardown()

  /** Asks until it is refused, at most so often. */
  async function exhaust ({ url }: Beside, token: string | null, path = PATH, most = 60): Promise<{ passed: Answer[], refused: Answer }> {
    const passed: Answer[] = []
    for (;;) {
      const answer = await request(url + path, token)
      if (answer.status === 429) return { passed, refused: answer }
      passed.push(answer)
      assert.ok(passed.length <= most, `${most} requests have passed`)
    }
  }

  it('lets five seconds\' worth pass at once, then says when to come again; of each user apart, admins too', async () => {
    const foyer = await besideBroker(t, { 'limits.httpRate': '1' })
    for (const token of [foyer.token('ann'), foyer.admin]) {
      const { passed, refused } = await exhaust(foyer, token)
      assert.ok(passed.length >= 5, `${passed.length}`)
      for (const { status } of passed) assert.equal(status, 200)
      assert.equal(passed[0]!.headers.get('ratelimit-policy'), '"user";q=5;w=5')
      assert.equal(passed[0]!.headers.get('ratelimit'), '"user";r=4;t=1')
      assert.equal(refused.headers.get('content-type'), 'application/problem+json; charset=utf-8')
      assert.deepEqual([refused.json().code, refused.json().detail], ['rate', 'limits.httpRate allows 1 requests per second of one user'])
      assert.equal(refused.headers.get('retry-after'), '1')
      assert.equal(refused.headers.get('ratelimit'), '"user";r=0;t=5')
    }
    // The same user by another token, and at another address of the API.
    assert.equal((await foyer.ask('POST', '/api/publish', foyer.token('ann'), { topic: 'rooms/lobby/messages', payload: 'x' })).status, 429)
    assert.equal(foyer.broker.stats().received, 0)
    // What is not of the API has no limit.
    for (const path of ['/healthz', '/readyz', '/metrics', '/']) {
      for (let i = 0; i < 8; i++) assert.equal((await request(foyer.url + path, foyer.token('ann'))).status, 200, path)
    }
  })

  it('lets an address fail as often, by tokens, tickets and none, and good tokens from there pass all the same', async () => {
    const foyer = await besideBroker(t, { 'limits.httpRate': '1' })
    const tries: readonly [string, string | null][] = [[PATH, 'bad'], [PATH, null], [`${PATH}?ticket=bad`, null], ['/api/export', 'bad'], [PATH, `${foyer.token('ann')}x`]]
    for (const [path, token] of tries) assert.equal((await request(foyer.url + path, token)).status, 401, path)
    const { refused } = await exhaust(foyer, 'bad')
    assert.equal(refused.json().detail, 'limits.httpRate allows 1 requests per second of one address without a token that is good')
    assert.equal(refused.headers.get('retry-after'), '1')
    assert.equal((await request(foyer.url + PATH, foyer.token('ann'))).status, 200)
  })

  it('counts those without a token by address where they are let in, not as one user', async () => {
    const foyer = await besideBroker(t, { 'limits.httpRate': '1', 'auth.anonymous': 'listener' })
    const { passed, refused } = await exhaust(foyer, null)
    assert.ok(passed.length >= 5)
    assert.match(refused.json().detail, /of one user/)
    assert.equal((await request(foyer.url + PATH, foyer.token('anonymous'))).status, 200)
  })

  it('is off where it is switched off', async () => {
    const foyer = await besideBroker(t, { 'limits.httpRate': 'off' })
    for (let i = 0; i < 20; i++) {
      const answer = await request(foyer.url + PATH, foyer.admin)
      assert.deepEqual([answer.status, answer.headers.get('ratelimit')], [200, null])
    }
  })

  it('can be read by pages of other origins', async () => {
    const foyer = await besideBroker(t, { 'limits.httpRate': '1', 'websocket.origins': '*' })
    const token = foyer.token('ann')
    await exhaust(foyer, token)
    const answer = await request(foyer.url + PATH, token, { headers: { origin: 'https://app.example.com' } })
    assert.equal(answer.status, 429)
    assert.deepEqual(['access-control-allow-origin', 'access-control-expose-headers'].map(name => answer.headers.get(name)), ['https://app.example.com', 'Link, Retry-After'])
  })
})
