import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import WebSocket from 'ws'
import { Tickets } from '../../../bridge/accounts/tickets.ts'
import type { Identity } from '../../../broker/index.ts'
import { FoyerError, type ErrorCode } from '../../../protocol/errors.ts'
import { token as signed } from '../../helpers/auth-tokens.ts'
import { besideBroker } from '../../helpers/bridge-beside-broker.ts'
import { SECRET } from '../../helpers/foyer.ts'
import { useTeardown } from '../../helpers/teardown.ts'

const HISTORY = '/api/rooms/lobby/history'
const NOW = 1_800_000_000

function now (): number {
  return Math.floor(Date.now() / 1000)
}

function identity (more: Partial<Identity> = {}): Identity {
  return { sub: 'ann', grants: { exact: new Map(), prefixes: [], all: null }, admin: false, presence: true, exp: NOW + 10, source: 'jwt', issuer: null, issuedAt: null, jti: null, ...more }
}

describe('a ticket', () => {
  const t = useTeardown()

  function create (revoked: () => FoyerError | null = () => null): { tickets: Tickets, clock: { now: number } } {
    const clock = { now: NOW * 1000 }
    return { tickets: new Tickets({ users: { revoked }, clockTolerance: 1000, now: () => clock.now }), clock }
  }

  function refused (tickets: Tickets, ticket: string, code: ErrorCode): void {
    assert.throws(() => tickets.redeem(ticket), (error: unknown) => error instanceof FoyerError && error.code === code)
  }

  it('is good once', () => {
    const { tickets } = create()
    const who = identity()
    const ticket = tickets.issue(who)
    assert.match(ticket, /^[\w-]{32}$/)
    assert.equal(tickets.redeem(ticket), who)
    refused(tickets, ticket, 'ticket')
    for (const other of ['', 'x', '__proto__']) refused(tickets, other, 'ticket')
  })

  it('is good for 30 seconds, and no longer than the token that it was got with', () => {
    const { tickets, clock } = create()
    const [first, second, third] = [tickets.issue(identity({ exp: null })), tickets.issue(identity({ exp: null })), tickets.issue(identity())]
    clock.now += 29_999
    tickets.redeem(first)
    refused(tickets, third, 'tokenExpired')
    clock.now += 1
    refused(tickets, second, 'ticket')
  })

  it('is no good when the token was revoked', () => {
    const { tickets } = create(() => new FoyerError('tokenRevoked'))
    refused(tickets, tickets.issue(identity()), 'tokenRevoked')
  })

  it('is one of a bounded number, of one user and of all', () => {
    const { tickets, clock } = create()
    const quota = (sub: string): void => assert.throws(() => tickets.issue(identity({ sub })), (error: unknown) => error instanceof FoyerError && error.code === 'quota')
    const first = tickets.issue(identity())
    for (let i = 1; i < 100; i++) tickets.issue(identity())
    quota('ann')
    tickets.redeem(first)
    tickets.issue(identity())
    for (let user = 1; user < 100; user++) for (let i = 0; i < 100; i++) tickets.issue(identity({ sub: String(user) }))
    quota('bob')
    clock.now += 30_000
    tickets.issue(identity({ sub: 'bob' }))
    tickets.issue(identity())
  })

  it('stands for the token of its holder at addresses that are read, and for nothing else', async () => {
    const server = await besideBroker(t)
    const issue = async (sub: string, rooms: Record<string, string>): Promise<string> => {
      const answer = await server.ask('POST', '/api/tickets', server.token(sub, rooms, { admin: true }))
      assert.deepEqual([answer.status, Object.keys(answer.json()), answer.json().expiresIn], [200, ['ticket', 'expiresIn'], 30])
      return answer.json().ticket
    }
    const given: string[] = []
    const ticket = async (sub = 'ann', rooms: Record<string, string> = { lobby: 'listener' }): Promise<string> => {
      given.push(await issue(sub, rooms))
      return given.at(-1)!
    }
    const first = await ticket()
    assert.equal((await server.ask('GET', `${HISTORY}?limit=1&ticket=${first}&filter=messages`, null)).status, 200)
    const again = await server.ask('GET', `${HISTORY}?ticket=${first}`, null)
    assert.deepEqual([again.status, again.json().code], [401, 'ticket'])
    // With the grants of its holder.
    assert.equal((await server.ask('GET', `${HISTORY}?ticket=${await ticket('bob', { other: 'owner' })}`, null)).status, 403)
    const both = await server.ask('GET', `${HISTORY}?ticket=${await ticket()}`, server.token('ann'))
    assert.deepEqual([both.status, both.json().code], [400, 'badRequest'])
    assert.equal((await server.ask('GET', `${HISTORY}?ticket=a&ticket=b`, null)).status, 400)
    const unused = await ticket()
    for (const [method, path, body] of [['POST', '/api/tickets'], ['POST', '/api/tokens', { sub: 'ann', rooms: {} }], ['POST', '/api/revocations', { sub: 'ann' }], ['DELETE', '/api/users/ann/sessions']] as const) {
      const answer = await server.ask(method, `${path}?ticket=${unused}`, null, body)
      assert.ok([400, 401].includes(answer.status), `${path}: ${answer.status}`)
    }
    assert.equal((await server.ask('HEAD', `${HISTORY}?ticket=${unused}`, null)).status, 401)
    assert.equal((await server.ask('GET', `/metrics?ticket=${unused}`, null, undefined, { 'x-forwarded-for': '192.0.2.1' })).status, 401)
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/mqtt?ticket=${unused}`, ['mqtt'])
    await new Promise(resolve => socket.once('open', resolve))
    socket.close()
    assert.equal((await server.ask('GET', `${HISTORY}?ticket=${unused}`, null)).status, 200, 'it was used up by something else')
    for (const one of given) assert.ok(!JSON.stringify([server.lines, server.log]).includes(one), 'a ticket is in the log')
  })

  it('needs a token, and dies with it', async () => {
    const server = await besideBroker(t, { 'auth.anonymous': 'owner' })
    assert.equal((await server.ask('POST', '/api/tickets', null)).json().code, 'credentialsMissing')
    const token = signed(SECRET, { sub: 'ann', exp: now() + 600, iat: now() - 1, jti: 'one', rooms: { lobby: 'owner' } })
    const { ticket } = (await server.ask('POST', '/api/tickets', token)).json()
    await server.broker.users.revoke({ jti: 'one', exp: null })
    const answer = await server.ask('GET', `${HISTORY}?ticket=${ticket}`, null)
    assert.deepEqual([answer.status, answer.json().code], [401, 'tokenRevoked'])
    assert.equal((await server.ask('POST', '/api/tickets', token)).json().code, 'tokenRevoked')
  })
})
