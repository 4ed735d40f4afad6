import assert from 'node:assert/strict'
import { keyList } from '../../config/key-list.ts'
import { faultsOf, load, useFolders } from './helper.ts'

describe('the environment', () => {
  const folder = useFolders()

  it('has a name for every scalar key', () => {
    const names = [...keyList.values()].map(({ name, env }) => [name, env])
    const nameOf = new Map(names as [string, string | null][])
    assert.equal(nameOf.get('auth.onRefusal'), 'FOYER_AUTH_ON_REFUSAL')
    assert.equal(nameOf.get('auth.jwtSecret'), 'FOYER_JWT_SECRET')
    assert.equal(nameOf.get('auth.jwksUrl'), 'FOYER_JWKS_URL')
    assert.equal(nameOf.get('dataDir'), 'FOYER_DATA_DIR')
    assert.equal(nameOf.get('limits.packetBytes'), 'FOYER_LIMITS_PACKET_BYTES')
    assert.deepEqual(names.filter(([, env]) => env === null).map(([name]) => name), ['auth.users', 'channels', 'rooms'])
    assert.equal(new Set(nameOf.values()).size, names.length - 2, 'no name stands for two keys')
  })

  it('is text for every kind of value', () => {
    const env = {
      FOYER_MQTT_PORT: 'off',
      FOYER_HTTP_PORT: ' 0 ',
      FOYER_INSECURE: 'TRUE',
      FOYER_LIMITS_PACKET_BYTES: '64KiB',
      FOYER_LIMITS_CONNECT_BYTES: '4096',
      FOYER_LIMITS_INFLIGHT: '5',
      FOYER_AUTH_CLOCK_TOLERANCE: '0s',
      FOYER_AUTH_ANONYMOUS: 'listener',
      FOYER_WEBSOCKET_ORIGINS: 'https://a.example, http://b.example:81'
    }
    const { config } = load(folder(), { env })
    assert.deepEqual([config.mqtt.port, config.http.port, config.insecure, config.auth.anonymous], [null, 0, true, 'listener'])
    assert.deepEqual([config.limits.packetBytes, config.limits.connectBytes, config.limits.inflight, config.auth.clockTolerance], [65_536, 4096, 5, 0])
    assert.deepEqual(config.websocket.origins, ['https://a.example', 'http://b.example:81'])
  })

  it('counts as unset where it is empty', () => {
    const cwd = folder({ 'foyer.config.yaml': 'mqtt: { port: 9 }\n' })
    assert.equal(load(cwd, { env: { FOYER_MQTT_PORT: '', FOYER_JWT_SECRET: '' } }).config.mqtt.port, 9)
  })

  it('is to blame by name where it is wrong', () => {
    const faults = faultsOf(folder(), { env: { FOYER_MQTT_PORT: '70000', FOYER_INSECURE: 'maybe', FOYER_QUEUE_STALL_TIMEOUT: '30' } })
    assert.deepEqual(faults.map(({ path, source }) => [path, source]), [['mqtt.port', 'FOYER_MQTT_PORT'], ['insecure', 'FOYER_INSECURE'], ['queue.stallTimeout', 'FOYER_QUEUE_STALL_TIMEOUT']])
    assert.match(faults[2]?.remedy ?? '', /30s/)
  })

  it('only warns of variables that nobody knows, and not of those of others', () => {
    const { warnings } = load(folder(), { env: { FOYER_MQTT_PROT: '1', FOYER_ZIGBEE: 'x', FOYER_TOKEN: 'x', FOYER_TEST_LONG: '1', FOYER_CONFIG: 'x', HOME: '/' } })
    assert.deepEqual(warnings, ['FOYER_MQTT_PROT is not a variable that Foyer knows: did you mean FOYER_MQTT_PORT?', 'FOYER_ZIGBEE is not a variable that Foyer knows'])
  })

  it('explains what Kubernetes injects', () => {
    const env = { FOYER_PORT: 'tcp://10.0.0.1:1883', FOYER_SERVICE_HOST: '10.0.0.1', FOYER_SERVICE_PORT_MQTT: '1883', FOYER_PORT_1883_TCP_ADDR: '10.0.0.1' }
    const { warnings } = load(folder(), { env })
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /FOYER_PORT, FOYER_SERVICE_HOST.*Kubernetes.*enableServiceLinks: false in the pod, or rename the service/)

    // A service called foyer-mqtt takes the name of a key.
    const [fault, ...more] = faultsOf(folder(), { env: { FOYER_MQTT_PORT: 'tcp://10.0.0.1:1883' } })
    assert.equal(more.length, 0)
    assert.deepEqual([fault?.path, fault?.source], ['mqtt.port', 'FOYER_MQTT_PORT'])
    assert.match(`${fault?.message} ${fault?.remedy}`, /Kubernetes.*enableServiceLinks: false/)
  })
})
