import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { Message } from '../../../broker/router/message.ts'
import { Tail } from '../../../broker/router/tail.ts'
import { TopicTable } from '../../../broker/router/topic-table.ts'
import { compileChannels } from '../../../protocol/channels.ts'
import { testConfig } from '../../helpers/foyer.ts'

describe('the tail of what was released', () => {
  const topics = new TopicTable(compileChannels(testConfig().channels))
  const message = (time: number, topic = 'rooms/a/messages', bytes = 10): Message => new Message({
    topic: topics.get(topic), source: new Uint8Array(bytes), start: 0, end: bytes, qos: 1, retain: false, sender: 'ann', session: null, echo: true, forward: null, expiresAt: 0, stored: true, journaled: true, time
  })
  const times = (tail: Tail, position: number, bytes = Infinity, accepts: (topic: string) => boolean = () => true): [number[], number] => {
    const { messages, upTo } = tail.after(position, 1000, accepts, bytes)
    return [messages.map(({ time }) => time), upTo]
  }

  it('has what was released since somebody follows it, and nothing when nobody does', () => {
    const tail = new Tail()
    tail.add(message(10))
    assert.equal(tail.reaches(10), false)
    tail.follow(15)
    tail.follow(17)
    for (const time of [20, 30, 40]) tail.add(message(time))
    assert.deepEqual([9, 14, 15, 30, 1000].map(position => tail.reaches(position)), [false, false, true, true, true])
    assert.deepEqual(times(tail, 15), [[20, 30, 40], 1000])
    assert.deepEqual(times(tail, 20), [[30, 40], 1000])
    assert.deepEqual(times(tail, 40), [[], 1000])
    tail.leave()
    assert.equal(tail.reaches(40), true)
    tail.leave()
    assert.equal(tail.reaches(40), false)
    tail.follow(50)
    assert.deepEqual(times(tail, 50), [[], 1000])
  })

  it('does not claim the message that is being released while somebody begins to follow it', () => {
    const tail = new Tail()
    tail.add(message(20))
    // The journal counts it as released when its subscribers have it.
    tail.follow(10)
    assert.equal(tail.reaches(10), false)
    assert.equal(tail.reaches(20), true)
  })

  it('has a bound in messages and in bytes, and says what it has lost', () => {
    for (const tail of [new Tail({ messages: 100, bytes: Infinity }), new Tail({ messages: Infinity, bytes: 100 * message(1).weight })]) {
      tail.follow(0)
      for (let time = 1; time <= 1000; time++) {
        tail.add(message(time))
        const oldest = Math.max(0, time - 100)
        assert.equal(tail.reaches(oldest), true)
        assert.equal(tail.reaches(oldest - 1), false)
        assert.equal(times(tail, oldest)[0].length, time - oldest)
      }
    }
  })

  it('gives what is asked for, page by page', () => {
    const tail = new Tail()
    tail.follow(0)
    for (let time = 1; time <= 9; time++) tail.add(message(time, time % 3 === 0 ? 'rooms/b/messages' : 'rooms/a/messages'))
    const wanted = (topic: string): boolean => topic.startsWith('rooms/a')
    const two = 2 * message(1).weight
    assert.deepEqual(times(tail, 0, two, wanted), [[1, 2], 2])
    assert.deepEqual(times(tail, 2, two, wanted), [[4, 5], 5])
    assert.deepEqual(times(tail, 5, two, wanted), [[7, 8], 1000])
    assert.deepEqual(times(tail, 6, 1, wanted), [[7], 7])
  })
})
