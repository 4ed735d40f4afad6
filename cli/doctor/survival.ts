import type { MqttClient } from 'mqtt'
import { DEFAULT_CHANNELS } from '../../protocol/default-channels.ts'
import { verifyDirectory } from '../verify.ts'
import { failed, ok, type Finding } from './finding.ts'
import { limited } from './limited.ts'
import { ScratchServer, type ScratchPorts } from './scratch-server.ts'

/** Messages of each QoS. */
const EACH = 20
const NUMBERS = Array.from({ length: 2 * EACH }, (_, i) => i + 1)
/** Published after the restart: when it arrives, whatever waited has arrived before. */
const LAST = 0
const ROOM = 'doctor'
const REPORT = 'Please report this, with what `foyer doctor` printed'

/** Proves with a server of its own that what was acknowledged survives a kill of the process. */
export async function * proveSurvival (): AsyncGenerator<Finding> {
  let server: ScratchServer
  try {
    server = new ScratchServer()
  } catch (error) {
    yield failed(`no scratch folder can be made: ${(error as Error).message}`, 'Name a folder that can be written, for instance TMPDIR=/var/tmp foyer doctor')
    return
  }
  try {
    const before = await server.start()
    await leaveSubscriber(server, before)
    const publisher = await connect(server, before, 'publisher')
    await limited('the acknowledgements', Promise.all(NUMBERS.map(number => publish(publisher, number))))
    await server.kill()
    publisher.end(true)
    yield ok(`a server of its own was killed right after it had acknowledged ${EACH} messages of QoS 1 and ${EACH} of QoS 2`)

    const after = await server.start()
    yield judge(await history(server, after), 'is in history', 'are not in history exactly once')
    yield judge(await comeBack(server, after), 'reached a subscriber that had been away', 'did not reach a subscriber that had been away exactly once')
    await server.stop()
    const { problems, balance: { journaled, stored } } = await verifyDirectory({ dataDir: server.dataDir, channels: DEFAULT_CHANNELS })
    // Each published message, and the last one.
    if (problems.length === 0 && journaled > NUMBERS.length && stored === journaled) yield ok(`foyer verify: all ${journaled} messages of its journal are in its store`)
    else yield failed(`foyer verify: ${problems[0] ?? `of more than ${NUMBERS.length} messages ${journaled} are in the journal and ${stored} in the store`}`, REPORT)
  } catch (error) {
    yield failed(`a server of its own could not be tried: ${(error as Error).message}${server.because}`, 'Try `foyer serve` in an empty folder, which logs more')
  } finally {
    server.remove()
  }
}

/** `found` are the numbers of the messages, in any order. */
export function judge (found: readonly number[], yes: string, no: string): Finding {
  const wrong = NUMBERS.filter(number => found.filter(other => other === number).length !== 1)
  if (wrong.length === 0) return ok(`each of them ${yes} exactly once`)
  return failed(`${wrong.length} of ${NUMBERS.length} acknowledged messages ${no}`, REPORT)
}

async function connect (server: ScratchServer, { mqtt: port }: ScratchPorts, clientId: string, onMessage?: (payload: Buffer) => void): Promise<MqttClient> {
  const { default: mqtt } = await import('mqtt')
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    clientId, clean: clientId === 'publisher', username: 'doctor', password: server.token, protocolVersion: 4, reconnectPeriod: 0, resubscribe: false
  })
  // Before the connection is there: what waits comes right behind the CONNACK.
  if (onMessage !== undefined) client.on('message', (_topic, payload) => { onMessage(payload) })
  await limited('a connection', new Promise<void>((resolve, reject) => {
    client.once('connect', () => { resolve() })
    client.on('error', reject)
    client.once('close', () => { reject(new Error('the connection was closed before it was accepted')) })
  }))
  return client
}

/** Odd ones with QoS 1, even ones with QoS 2. */
async function publish (client: MqttClient, number: number): Promise<void> {
  const [topic, qos] = number % 2 === 1 ? [`rooms/${ROOM}/messages`, 1] as const : [`rooms/${ROOM}/commands/lamp`, 2] as const
  await client.publishAsync(topic, JSON.stringify({ number }), { qos })
}

async function leaveSubscriber (server: ScratchServer, ports: ScratchPorts): Promise<void> {
  const subscriber = await connect(server, ports, 'subscriber')
  await limited('a subscription', subscriber.subscribeAsync([`rooms/${ROOM}/messages`, `rooms/${ROOM}/commands/lamp`], { qos: 2 }))
  await subscriber.endAsync()
}

/** The numbers of what waited for the subscriber. */
async function comeBack (server: ScratchServer, ports: ScratchPorts): Promise<number[]> {
  const found: number[] = []
  let complete = (): void => {}
  const completed = new Promise<void>(resolve => { complete = resolve })
  const subscriber = await connect(server, ports, 'subscriber', payload => {
    const { number } = JSON.parse(payload.toString()) as { number: number }
    if (number === LAST) complete()
    else found.push(number)
  })
  const publisher = await connect(server, ports, 'publisher')
  await limited('an acknowledgement', publish(publisher, LAST))
  await limited('the subscriber to receive what was published last', completed)
  await Promise.all([publisher.endAsync(), subscriber.endAsync()])
  return found
}

/** The numbers of what history holds. */
async function history (server: ScratchServer, { http }: ScratchPorts): Promise<number[]> {
  const response = await fetch(`http://127.0.0.1:${http}/api/rooms/${ROOM}/history?limit=1000`, { headers: { authorization: `Bearer ${server.token}` } })
  if (!response.ok) throw new Error(`history answered ${response.status}: ${await response.text()}`)
  const { messages } = await response.json() as { messages: { topic: string, payload: { number: number } }[] }
  // Who came and went is history, too.
  return messages.filter(({ topic }) => topic !== `rooms/${ROOM}/presence`).map(({ payload }) => payload.number)
}
