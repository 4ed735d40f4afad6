import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { compileChannels } from '../../protocol/channels.ts'
import { mergeChannels } from '../../protocol/merge-channels.ts'
import { roomOfFilter } from '../../protocol/room-of-filter.ts'

describe('the room of a filter', () => {
  const channels = compileChannels(mergeChannels(new Map([['zigbee', { topic: 'zigbee2mqtt/{name...}', room: 'home' }]])))

  it('is the one that it names', () => {
    for (const filter of ['rooms/lobby/messages', 'rooms/lobby/#', 'rooms/lobby/+', '+/lobby/messages', 'rooms/lobby']) {
      assert.equal(roomOfFilter(channels, filter), filter === 'rooms/lobby' ? null : 'lobby', filter)
    }
    assert.equal(roomOfFilter(channels, 'zigbee2mqtt/lamp'), 'home')
  })

  it('is none where the room is left open, or nothing is about a room', () => {
    for (const filter of ['#', '+/+/#', 'rooms/+/messages', 'rooms/#', 'rooms/.hidden/#', 'other/lobby/#', 'zigbee2mqtt/#', '']) assert.equal(roomOfFilter(channels, filter), null, filter)
  })
})
