import assert from 'node:assert/strict'
import { afterEach, beforeEach, it } from 'mocha'
import type { QoS } from '../../protocol/channel.ts'
import { chosenBy } from '../../broker/journal/topic-search.ts'
import type { SavedSession } from '../../broker/sessions/saved-sessions.ts'
import type { SavedSubscription, SessionHead, Step } from '../../broker/sessions/session-records.ts'
import type { Progressing, SessionStore } from '../../broker/sessions/session-store.ts'
import { until } from '../helpers/within.ts'

/** What a message that is accepted says, as far as sessions are concerned. */
export interface Accepted {
  readonly topic?: string
  readonly payload?: string
  /** Of a QoS 2 publish: the session and the packet identifier that it came with. */
  readonly from?: readonly [session: string, packetId: number]
  readonly willOf?: string
}

export interface OpenedSessions {
  readonly store: SessionStore
  /** What was known when it was opened. */
  readonly sessions: ReadonlyMap<string, SavedSession>
  /** Has a message accepted; resolves with its position. */
  accept (message: Accepted): Promise<number>
  close (): Promise<void>
}

export interface SessionStoreFactory {
  /** Opens the same store each time, an empty one at first. */
  open (): Promise<OpenedSessions>
}

const NEWEST = Number.MAX_SAFE_INTEGER

function head (id: string, more: Partial<SessionHead> = {}): SessionHead {
  const [sub, clientId] = id.split('/') as [string, string]
  return {
    id,
    clientId,
    identity: { sub, grants: { exact: new Map([['lobby', 'owner']]), prefixes: [{ prefix: 'acme.', role: 'member' }], all: 'listener' }, admin: false, presence: true, exp: 1_900_000_000, source: 'jwt', issuer: 'https://id.example', issuedAt: 1_800_000_000, jti: 'one' },
    expiry: 60_000,
    expiresAt: 0,
    position: 0,
    maybeSent: 0,
    lastId: 0,
    will: null,
    ...more
  }
}

const PLAIN: SavedSubscription = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: 0, since: 0, replay: null }

/** Does some steps, and resolves when they are durable. */
async function progress (store: SessionStore, id: string, steps: Step[], position = 0): Promise<void> {
  await new Promise<void>(resolve => {
    const progressing: Progressing = { id, position: () => position, takeSteps: () => steps.splice(0), written: resolve }
    store.urgent(progressing)
  })
}

/** What every store of sessions must do. */
export function sessionStoreContract (factory: () => SessionStoreFactory): void {
  let files: SessionStoreFactory
  let opened: OpenedSessions

  beforeEach(async () => {
    files = factory()
    opened = await files.open()
    assert.equal(opened.sessions.size, 0)
  })
  afterEach(() => opened.close())

  async function reopen (): Promise<ReadonlyMap<string, SavedSession>> {
    await opened.close()
    opened = await files.open()
    return opened.sessions
  }

  async function read (after: number, wanted: (topic: string) => boolean = () => true): Promise<string[]> {
    const payloads: string[] = []
    for await (const { messages, upTo } of opened.store.read(after, chosenBy(wanted))) {
      payloads.push(...messages.map(({ payload }) => Buffer.from(payload).toString()))
      if (upTo >= opened.store.time) return payloads
    }
    return payloads
  }

  it('keeps what a session is, and its will', async () => {
    const will = { topic: 'rooms/lobby/state/x', qos: 2 as QoS, retain: true, expiry: 7, echo: false, delay: 30, payload: new Uint8Array([0, 255, 1]), forward: new Uint8Array([3, 0, 1, 0x61]) }
    const given = head('ann/phone', { will, expiresAt: 1_800_000_000_000, position: 12, maybeSent: 9, lastId: 65_535 })
    await opened.store.head(given, true)
    const found = (await reopen()).get('ann/phone')!
    const { subscriptions: _, inflight: __, inbound: ___, assigned: ____, feeding: _____, ...saved } = found
    assert.deepEqual({ ...saved, will: { ...saved.will, payload: new Uint8Array(saved.will!.payload), forward: new Uint8Array(saved.will!.forward!) } }, given)
  })

  it('takes the newest of what is said about a session, also without waiting for it', async () => {
    await opened.store.head(head('ann/phone', { expiry: 1 }), true)
    opened.store.headSoon({ id: 'ann/phone', head: head('ann/phone', { expiry: 2 }) })
    await opened.store.head(head('bob/tv'), true)
    assert.equal((await reopen()).get('ann/phone')!.expiry, 2)
  })

  it('writes a session soon as it is then, once however often it is asked for, and tells all who asked', async () => {
    await opened.store.head(head('ann/phone', { expiry: 1 }), true)
    const told: number[] = []
    const ann = { id: 'ann/phone', head: head('ann/phone', { expiry: 2 }) }
    opened.store.headSoon(ann, () => told.push(1))
    let asked = 0
    Object.defineProperty(ann, 'head', { get: () => { asked++; return head('ann/phone', { expiry: 3 }) } })
    opened.store.headSoon(ann, () => told.push(2))
    await until(() => told.length === 2, 'that both are told')
    assert.equal(asked, 1)
    assert.equal((await reopen()).get('ann/phone')!.expiry, 3)
  })

  it('does not let a state that was to be written soon go before what came later', async () => {
    const bob = { id: 'bob/tv', head: head('bob/tv', { expiry: 1 }) }
    let told = 0
    for (const id of ['ann/phone', 'bob/tv']) await opened.store.head(head(id), true)
    // The end of the one is not that of the next with its name.
    opened.store.endSoon('ann/phone', () => { told++ })
    opened.store.headSoon(bob, () => { told++ })
    opened.store.endSoon('bob/tv', () => { told++ })
    await opened.store.head(head('ann/phone', { expiry: 7 }), true)
    await until(() => told === 3, 'that all are told')
    const sessions = await reopen()
    assert.equal(sessions.get('ann/phone')?.expiry, 7)
    assert.equal(sessions.has('bob/tv'), false)
  })

  it('knows the newest packet identifier, also when they begin again at 1', async () => {
    await opened.store.head(head('ann/phone', { lastId: 65_530 }), true)
    await progress(opened.store, 'ann/phone', [{ kind: 'sent', packetId: 65_535, qos: 1, time: 5, shared: false, past: false }, { kind: 'sent', packetId: 3, qos: 1, time: 6, shared: false, past: false }, { kind: 'done', packetId: 3 }])
    assert.equal((await reopen()).get('ann/phone')!.lastId, 3)
  })

  it('forgets a session that ended, and knows nothing of it when it begins anew', async () => {
    await opened.store.head(head('ann/phone'), true)
    await opened.store.subscription('ann/phone', 'a', PLAIN)
    await progress(opened.store, 'ann/phone', [{ kind: 'sent', packetId: 1, qos: 1, time: 5, shared: false, past: false }, { kind: 'pending', packetId: 2 }], 5)
    await opened.store.head(head('bob/tv'), true)
    await opened.store.subscription('bob/tv', 'b', PLAIN)
    opened.store.endSoon('bob/tv')
    await opened.store.head(head('ann/phone'), true)
    const sessions = await reopen()
    assert.deepEqual([...sessions.keys()], ['ann/phone'])
    const { subscriptions, inflight, inbound, position } = sessions.get('ann/phone')!
    assert.deepEqual([subscriptions.size, inflight.size, inbound.size, position], [0, 0, 0, 0])
  })

  it('keeps subscriptions with all their options, each to its session; the same filter again replaces', async () => {
    const rich: SavedSubscription = { qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2, identifier: 268_435_455, since: 77, replay: null }
    for (const id of ['ann/phone', 'bob/tv']) await opened.store.head(head(id), true)
    await opened.store.subscription('ann/phone', 'rooms/+/messages', PLAIN)
    await opened.store.subscription('ann/phone', 'rooms/+/messages', rich)
    await opened.store.subscription('ann/phone', '$share/group/a/#', { ...PLAIN, qos: 0 })
    await opened.store.subscription('bob/tv', 'rooms/+/messages', PLAIN)
    const sessions = await reopen()
    assert.deepEqual([...sessions.get('ann/phone')!.subscriptions], [['rooms/+/messages', rich], ['$share/group/a/#', { ...PLAIN, qos: 0 }]])
    assert.deepEqual([...sessions.get('bob/tv')!.subscriptions], [['rooms/+/messages', PLAIN]])
  })

  it('keeps how far a replay has come and may have sent, until it has ended or begins anew', async () => {
    const past: SavedSubscription = { ...PLAIN, replay: { over: false, upTo: 100, ahead: 0, complete: false } }
    await opened.store.head(head('ann/phone'), true)
    for (const filter of ['$replay/1h/a', '$replay/1h/b', '$replay/1h/c']) await opened.store.subscription('ann/phone', filter, past)
    await progress(opened.store, 'ann/phone', [
      { kind: 'replaying', filter: '$replay/1h/a', time: 500 }, { kind: 'replayed', filter: '$replay/1h/a', time: 300 }, { kind: 'replayed', filter: '$replay/1h/b', time: 300 },
      { kind: 'sent', packetId: 7, qos: 2, time: 300, shared: false, past: true }
    ])
    await progress(opened.store, 'ann/phone', [{ kind: 'replayed', filter: '$replay/1h/a', time: 200 }])
    await opened.store.subscription('ann/phone', '$replay/1h/b', { ...PLAIN, since: 600 })
    await opened.store.subscription('ann/phone', '$replay/1h/c', past)
    // Said of the one that has ended, and of one that never was.
    await progress(opened.store, 'ann/phone', [{ kind: 'replayed', filter: '$replay/1h/b', time: 700 }, { kind: 'replaying', filter: '$replay/1h/d', time: 700 }])
    const { subscriptions, inflight } = (await reopen()).get('ann/phone')!
    assert.deepEqual([...subscriptions], [['$replay/1h/a', { ...PLAIN, replay: { over: false, upTo: 300, ahead: 500, complete: false } }], ['$replay/1h/b', { ...PLAIN, since: 600 }], ['$replay/1h/c', past]])
    assert.equal(inflight.get(7)?.past, true)
  })

  it('keeps that something was gone before a replay got there, until it begins anew', async () => {
    const past: SavedSubscription = { ...PLAIN, replay: { over: false, upTo: 100, ahead: 0, complete: true } }
    await opened.store.head(head('ann/phone'), true)
    for (const filter of ['$replay/1h/a', '$replay/1h/b', '$replay/1h/c']) await opened.store.subscription('ann/phone', filter, past)
    await progress(opened.store, 'ann/phone', [{ kind: 'cut', filter: '$replay/1h/a' }, { kind: 'cut', filter: '$replay/1h/b' }, { kind: 'cut', filter: '$replay/1h/d' }, { kind: 'replayed', filter: '$replay/1h/a', time: 200 }])
    await opened.store.subscription('ann/phone', '$replay/1h/b', past)
    const { subscriptions } = (await reopen()).get('ann/phone')!
    assert.deepEqual([...subscriptions], [['$replay/1h/a', { ...PLAIN, replay: { over: false, upTo: 200, ahead: 0, complete: false } }], ['$replay/1h/b', past], ['$replay/1h/c', past]])
  })

  it('forgets a subscription that ended, and that of nobody', async () => {
    await opened.store.head(head('ann/phone'), true)
    await opened.store.subscription('ann/phone', 'a', PLAIN)
    await opened.store.subscription('ann/phone', 'b', PLAIN)
    await opened.store.subscription('ann/phone', 'a', null)
    await opened.store.subscription('ann/phone', 'never', null)
    await opened.store.subscription('eve/none', 'a', PLAIN)
    const sessions = await reopen()
    assert.deepEqual([...sessions.get('ann/phone')!.subscriptions.keys()], ['b'])
    assert.equal(sessions.has('eve/none'), false)
  })

  it('keeps each delivery in flight as far as it came', async () => {
    await opened.store.head(head('ann/phone'), true)
    await progress(opened.store, 'ann/phone', [
      { kind: 'sent', packetId: 1, qos: 1, time: 100, shared: false, past: false },
      { kind: 'sent', packetId: 2, qos: 2, time: 101, shared: false, past: false },
      { kind: 'sent', packetId: 65_535, qos: 2, time: 2 ** 50 + 1, shared: false, past: false }
    ], 2 ** 50 + 1)
    await progress(opened.store, 'ann/phone', [{ kind: 'done', packetId: 1 }, { kind: 'received', packetId: 2 }], 3)
    const { inflight, position } = (await reopen()).get('ann/phone')!
    assert.deepEqual([...inflight], [[2, { qos: 2, time: 101, received: true, shared: null, past: false, topic: null }], [65_535, { qos: 2, time: 2 ** 50 + 1, received: false, shared: null, past: false, topic: null }]])
    assert.equal(position, 2 ** 50 + 1, 'a position never goes back')
    await progress(opened.store, 'ann/phone', [{ kind: 'done', packetId: 2 }, { kind: 'sent', packetId: 2, qos: 1, time: 200, shared: false, past: false }, { kind: 'done', packetId: 9 }])
    assert.deepEqual((await reopen()).get('ann/phone')!.inflight.get(2), { qos: 1, time: 200, received: false, shared: null, past: false, topic: null })
  })

  it('knows the QoS 2 messages that came from a client until it has released them', async () => {
    await opened.store.head(head('ann/phone'), true)
    await opened.accept({ from: ['ann/phone', 7] })
    await opened.accept({ from: ['ann/phone', 8] })
    await opened.accept({ from: ['eve/none', 9] })
    await progress(opened.store, 'ann/phone', [{ kind: 'released', packetId: 7 }])
    assert.deepEqual([...(await reopen()).get('ann/phone')!.inbound], [8])
    await opened.accept({ from: ['ann/phone', 7] })
    assert.deepEqual([...(await reopen()).get('ann/phone')!.inbound].sort(), [7, 8])
  })

  it('knows a will until it was published', async () => {
    const will = { topic: 'rooms/lobby/state/x', qos: 1 as QoS, retain: false, expiry: -1, echo: null, delay: 0, payload: new Uint8Array([1]), forward: null }
    for (const id of ['ann/phone', 'bob/tv']) await opened.store.head(head(id, { will }), true)
    await opened.accept({ willOf: 'ann/phone' })
    const sessions = await reopen()
    assert.deepEqual([sessions.get('ann/phone')!.will, sessions.get('bob/tv')!.will !== null], [null, true])
  })

  it('writes lazy steps by itself, and those of a forgotten session never', async () => {
    await opened.store.head(head('ann/phone'), true)
    let written = 0
    const steps: Step[] = [{ kind: 'sent', packetId: 1, qos: 1, time: 5, shared: false, past: false }]
    opened.store.soon({ id: 'ann/phone', position: () => 5, takeSteps: () => steps.splice(0), written: () => { written++ } })
    const gone: Progressing = { id: 'ann/phone', position: () => 0, takeSteps: () => assert.fail('it was asked for its steps'), written: () => {} }
    opened.store.soon(gone)
    opened.store.forget(gone)
    await until(() => written === 1, 'that the steps are durable')
    assert.equal((await reopen()).get('ann/phone')!.inflight.size, 1)
  })

  it('gives what waits behind a position, of wanted topics, in order, however often and after a restart', async () => {
    const positions: number[] = []
    for (let i = 0; i < 300; i++) positions.push(await opened.accept({ topic: `rooms/r${i % 3}/messages`, payload: `${i}` }))
    assert.ok(positions.every((position, i) => i === 0 || position > positions[i - 1]!))
    const all = positions.map((_, i) => `${i}`)
    assert.deepEqual(await read(0), all)
    assert.deepEqual(await read(positions[99]!), all.slice(100))
    assert.deepEqual(await read(positions[99]! - 1), all.slice(99))
    assert.deepEqual(await read(NEWEST), [])
    await reopen()
    assert.deepEqual(await read(positions[9]!, topic => topic === 'rooms/r1/messages'), all.slice(10).filter((_, i) => (i + 10) % 3 === 1))
    assert.deepEqual(await read(0, () => false), [])
  })

  it('gives what comes while it is read', async () => {
    await opened.accept({ payload: 'before' })
    const payloads: string[] = []
    for await (const { messages, upTo } of opened.store.read(0, chosenBy(() => true))) {
      payloads.push(...messages.map(({ payload }) => Buffer.from(payload).toString()))
      if (payloads.length === 1 && messages.length === 1) await opened.accept({ payload: 'meanwhile' })
      if (upTo >= opened.store.time) break
    }
    assert.deepEqual(payloads, ['before', 'meanwhile'])
  })

  it('finds a message by its position, and nothing beside it', async () => {
    const position = await opened.accept({ topic: 'rooms/lobby/messages', payload: 'here' })
    const last = await opened.accept({ payload: 'there' })
    await reopen()
    const message = await opened.store.message(position)
    assert.deepEqual([message?.topic.topic, Buffer.from(message!.payload).toString(), message?.position], ['rooms/lobby/messages', 'here', position])
    for (const other of [position - 1, last + 1, 1]) assert.equal(await opened.store.message(other), null)
  })
}
