import { buffer } from 'node:stream/consumers'
import { Option, type Command } from 'commander'
import type { MqttClient } from 'mqtt'
import { addClientOptions, connect, type ClientOptions, type Connected } from './client.ts'
import { CommandError } from './fail.ts'
import { describeReport, ERRORS_TOPIC } from './reported-error.ts'

type QoS = 0 | 1 | 2

interface PubOptions extends ClientOptions {
  readonly qos: '0' | '1' | '2'
  readonly retain?: boolean
}

interface Message {
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos: QoS
  readonly retain: boolean
}

export function addPub (program: Command): void {
  const command = program.command('pub')
    .description('publish one message; a refusal is explained, with exit code 1')
    .argument('<topic>')
    .argument('<message>', '- reads it from standard input, all of it as it is')
    .addOption(new Option('--qos <qos>', 'quality of service').choices(['0', '1', '2']).default('1'))
    .option('--retain', 'keep it as the last one of its topic')
    .addHelpText('after', `
Example: foyer pub rooms/lobby/messages 'hello'
         date | foyer pub --sub clock rooms/lobby/messages -
         foyer pub --qos 2 rooms/kitchen/commands/lamp '{"on":true}'`)
  addClientOptions(command).action(pub)
}

async function pub (topic: string, message: string, options: PubOptions): Promise<void> {
  const payload = message === '-' ? await buffer(process.stdin) : message
  const connected = await connect(options, { reconnect: false })
  const lost = new Promise<never>((_resolve, reject) => {
    connected.client.once('close', () => reject(new CommandError(`the connection was closed before the message was acknowledged${because(connected)}`)))
  })
  try {
    await Promise.race([publish(connected.client, { topic, payload, qos: Number(options.qos) as QoS, retain: options.retain === true }), lost])
  } finally {
    lost.catch(() => {})
    if (connected.client.connected) await connected.client.endAsync()
    else connected.client.end(true)
  }
}

async function publish (client: MqttClient, message: Message): Promise<void> {
  if (message.qos === 0) return await publishUnacknowledged(client, message)
  const { topic, payload, ...options } = message
  await new Promise<void>((resolve, reject) => {
    client.publish(topic, payload, options, (error, packet) => {
      if (error == null) resolve()
      else reject(new CommandError(`the message was refused: ${wordsIn(packet) ?? error.message}`, { cause: error }))
    })
  })
}

/** QoS 0 has no answer that could be a no; but the server says it aside, before it answers whatever comes next. */
async function publishUnacknowledged (client: MqttClient, { topic, payload, ...options }: Message): Promise<void> {
  let refusal: string | null = null
  client.on('message', (from, report) => {
    if (from === ERRORS_TOPIC) refusal ??= describeReport(report, topic)
  })
  await client.subscribeAsync(ERRORS_TOPIC)
  await client.publishAsync(topic, payload, options)
  await client.unsubscribeAsync(ERRORS_TOPIC)
  if (refusal !== null) throw new CommandError(`the message was refused: ${refusal}`)
}

/** mqtt.js types what it passes as the message, and it is the acknowledgement. */
function wordsIn (packet: unknown): string | undefined {
  return (packet as { properties?: { reasonString?: string } } | undefined)?.properties?.reasonString
}

function because ({ reason }: Connected): string {
  return reason() === null ? '' : `: ${reason()}`
}
