import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { compileChannels } from '../../../protocol/channels.ts'
import type { Channel } from '../../../protocol/channel.ts'
import { useServer } from '../../helpers/bridge-server.ts'

describe('GET /api/server', () => {
  const serve = useServer()

  it('says to anybody what runs, where, and with which channels, so that a page can judge as the server does', async () => {
    const { get, bridge, config } = await serve({}, 'channels: { alarms: { topic: "rooms/{room}/alarms/{name}", publish: [member] } }')
    const { status, headers, json } = await get('/api/server')
    assert.equal(status, 200)
    assert.equal(headers.get('cache-control'), 'no-store')
    const { channels, ...rest } = json() as { channels: Channel[] }
    assert.deepEqual(rest, { version: '1.2.3-test', ports: { mqtt: 18830, mqtts: null, http: bridge.addresses.http?.port, https: null } })
    assert.deepEqual(channels.map(({ name }) => name), config.channels.map(({ name }) => name))
    assert.equal(compileChannels(channels).match('rooms/lobby/alarms/smoke')?.channel.name, 'alarms')
    assert.equal((await get('/api/server?x=1')).status, 400)
  })
})
