import { InvalidArgumentError, Option, type Command } from 'commander'
import { addClientOptions, connect, type ClientOptions } from './client.ts'
import { fail } from './fail.ts'
import { describeReport, ERRORS_TOPIC } from './reported-error.ts'

interface SubOptions extends ClientOptions {
  readonly qos: '0' | '1' | '2'
  readonly verbose?: boolean
  readonly count?: number
}

const FAILURE = 0x80

export function addSub (program: Command): void {
  const command = program.command('sub')
    .description('print messages as they come, until it is stopped; refusals go to standard error')
    .argument('<filter...>')
    .addOption(new Option('--qos <qos>', 'quality of service').choices(['0', '1', '2']).default('1'))
    .option('-v, --verbose', 'print the topic before each message')
    .option('--count <n>', 'end after so many messages', positive)
    .addHelpText('after', `
Example: foyer sub -v 'rooms/lobby/#'
         foyer sub --count 1 rooms/kitchen/state/lamp`)
  addClientOptions(command).action(sub)
}

async function sub (filters: string[], options: SubOptions): Promise<void> {
  const { client } = await connect(options, { reconnect: true, onRefused: fail })
  let left = options.count ?? Infinity
  client.on('message', (topic, payload) => {
    if (topic === ERRORS_TOPIC) {
      console.error(`foyer: ${describeReport(payload)}`)
      return
    }
    if (left <= 0) return
    if (options.verbose === true) process.stdout.write(`${topic} `)
    process.stdout.write(payload)
    process.stdout.write('\n')
    if (--left === 0) client.end()
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => client.end())
  client.on('close', () => { if (!client.disconnecting) console.error('foyer: the connection was lost, connecting again') })
  client.on('connect', () => { void subscribeAll() })
  await subscribeAll()

  async function subscribeAll (): Promise<void> {
    // First, so that it hears of the others.
    await isTaken(ERRORS_TOPIC)
    const taken = await Promise.all(filters.map(isTaken))
    if (taken.some(Boolean) || client.disconnecting) return
    process.exitCode = 1
    client.end()
  }

  /** False for a filter that will never be granted; why not has been said. */
  function isTaken (filter: string): Promise<boolean> {
    return new Promise((resolve) => {
      client.subscribe(filter, { qos: Number(options.qos) as 0 | 1 | 2 }, (error, _subscriptions, packet) => {
        const code = packet?.granted[0]
        // Without an answer the connection was lost, and all are asked for again, or the filter is none.
        if (code === undefined && error !== null && client.connected) console.error(`foyer: ${error.message}`)
        resolve(code === undefined ? !client.connected : Number(code) < FAILURE)
      })
    })
  }
}

function positive (text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.')
  return value
}
