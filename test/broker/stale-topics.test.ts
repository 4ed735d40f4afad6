import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { compileChannels } from '../../protocol/channels.ts'
import { Ledger } from '../../broker/ledger.ts'
import { Message } from '../../broker/router/message.ts'
import { Router } from '../../broker/router/router.ts'
import type { Subscriber } from '../../broker/router/subscription.ts'
import { TopicTable } from '../../broker/router/topic-table.ts'
import { testConfig } from '../helpers/foyer.ts'

describe('a topic that was held for longer than the table (alias, will)', () => {
  it('reaches those who subscribed since, and not those who left', () => {
    const topics = new TopicTable(compileChannels(testConfig().channels), 2)
    const router = new Router(topics, new Ledger())
    const got: string[] = []
    const subscriber = (id: string): Subscriber => ({ id, connected: true, behind: false, mayReceive: () => true, miss: () => {}, deliverShared: () => {}, deliver: () => { got.push(id) } })
    const subscription = (id: string) => ({ subscriber: subscriber(id), filter: 'a', name: 'a', share: null, qos: 0 as const, noLocal: false, retainAsPublished: false, retainHandling: 0 as const, identifier: 0, since: 0, replay: null })
    const topic = topics.get('a')
    const send = (sender = 'ann'): void => router.route(new Message({ topic, source: Buffer.from('x'), start: 0, end: 1, qos: 0, retain: false, sender, session: null, echo: true, forward: null, expiresAt: 0, stored: false, journaled: false, time: 0 }))
    const early = subscription('early')
    router.add(early)
    send()
    for (const other of ['b', 'c', 'd', 'e', 'f']) topics.get(other)
    assert.equal(topic.stale, true)
    router.remove(early)
    router.add(subscription('late'))
    send()
    assert.deepEqual(got, ['early', 'late'])
    assert.ok(topics.get('a').recipients !== null)
    // Of what the broker itself says it is not remembered who hears it: there are as many such topics as users.
    send('')
    assert.deepEqual(got, ['early', 'late', 'late'])
    assert.equal(topics.get('a').recipients, null)
  })
})
