import { InvalidArgumentError, type Command } from 'commander'
import { FoyerClientError, type ConnectOptions } from '../client/index.ts'
import type { Config } from '../config/schema.ts'
import { Fleet, MOST_DEVICES, scaled, type Entry, type Scenario } from '../devices/index.ts'
import { parseDuration } from '../protocol/duration.ts'
import { addConfigFlags, readClientConfiguration, type Options } from './configuration.ts'
import { subjectOf } from './credentials.ts'
import { Notices } from './devices/notices.ts'
import { describe, Progress } from './devices/progress.ts'
import { loadScenario } from './devices/scenario-file.ts'
import { CommandError } from './fail.ts'
import { givenToken } from './given-token.ts'
import { mint } from './mint.ts'
import { mqttServer, nothingListens, SERVER_KEYS, urlOption, type MqttServer } from './mqtt-server.ts'
import { signingSecret } from './secret.ts'

interface DevicesOptions extends Options {
  readonly scenario?: string
  readonly count?: number
  readonly seed?: number
  readonly duration?: number
  readonly url?: string
  readonly token?: string
}

/** Renewed inside the connection. */
const MINTED_SECONDS = 3600

export function addDevices (program: Command): void {
  const command = program.command('devices')
    .description('simulate devices that measure and obey, until it is stopped')
    .option('--scenario <file>', 'YAML file that says which; docs/devices.md (default: 20 devices in 4 rooms)')
    .option('--count <n>', 'how many, of the scenario or of copies of it', wholeFrom(1, MOST_DEVICES))
    .option('--seed <n>', 'the same number, the same weather (default: the one of the scenario)', wholeFrom(0, Number.MAX_SAFE_INTEGER))
    .option('--duration <duration>', 'end after this time, for instance 10m', duration)
    .addOption(urlOption())
    .option('--token <jwt>', 'token for all of them, a gateway or owner of the rooms (default: FOYER_TOKEN, else each device gets one, minted with the secret of the data directory)')
    .addHelpText('after', `
Example: foyer devices
         foyer devices --count 2000 --duration 10m
         foyer pub --qos 2 rooms/kitchen/commands/kitchen-lamp '{"toggle":true}'`)
  addConfigFlags(command, [...SERVER_KEYS, 'auth.issuer', 'auth.audience', 'auth.roomsClaim']).action(devices)
}

async function devices (options: DevicesOptions): Promise<void> {
  const config = readClientConfiguration(options)
  const server = mqttServer(config, options)
  const credentials = credentialsOf(config, options, server)
  const scenario = wanted(loadScenario(options.scenario), options)
  const started = performance.now()
  const ending = endOf(options.duration)
  let fault: CommandError | null = null
  const progress = new Progress(process.stdout, () => fleet.counters)
  const notices = new Notices(line => {
    progress.clear()
    console.error(`foyer: ${line}`)
  })
  const fleet = new Fleet({
    scenario,
    connection: entry => ({ url: server.url, ...credentials(entry), ...(server.ca === null ? {} : { mqtt: { ca: server.ca } }) }),
    onError: (error, entry) => notices.failed(error, entry),
    onLost: (error, entry) => notices.lost(error, entry),
    onEmpty: error => {
      fault = new CommandError(`no device is left: ${error.message}. ${error.remedy}`, { cause: error })
      ending.end()
    }
  })
  void ending.ended.then(() => fleet.stop())
  try {
    await fleet.open()
    progress.start()
    await ending.ended
  } catch (error) {
    if (!(error instanceof FoyerClientError)) throw error
    if (error.code !== 'closed') throw new CommandError(sentence(server.url, error), { cause: error })
  } finally {
    ending.end()
    progress.stop()
    await fleet.stop()
    notices.flush()
  }
  const { devices, wills, ...counters } = fleet.counters
  console.log(`ended after ${Math.round((performance.now() - started) / 1000)} s: ${devices} devices, ${describe(counters)}, ${wills} wills`)
  if (fault !== null) throw fault
}

function wanted (scenario: Scenario, { count, seed }: DevicesOptions): Scenario {
  const sized = count === undefined ? scenario : scaled(scenario, count)
  return seed === undefined ? sized : { ...sized, seed }
}

/** Who each device is: a user of its own where tokens can be minted. */
function credentialsOf (config: Config, options: DevicesOptions, { trusted }: MqttServer): (entry: Entry) => Pick<ConnectOptions, 'token' | 'getToken' | 'username'> {
  const token = givenToken(options)
  if (token !== undefined) {
    const username = subjectOf(token)
    return () => ({ token, ...(username === null ? {} : { username }) })
  }
  if (!trusted) throw new CommandError('a token for that server is missing: give one with --token or FOYER_TOKEN, of a gateway or owner of the rooms of the scenario')
  const secret = signingSecret(config)
  return ({ name, room }) => ({ username: name, getToken: () => mint(config, secret, { sub: name, rooms: { [room]: 'device' }, expiresIn: MINTED_SECONDS }) })
}

/** Resolves at the first signal, after the time that was given, or when it is told to. The second signal ends at once. */
function endOf (duration: number | undefined): { ended: Promise<void>, end: () => void } {
  let end = (): void => {}
  const ended = new Promise<void>(resolve => {
    const timer = duration === undefined ? undefined : setTimeout(resolve, duration)
    let signals = 0
    const onSignal = (): void => {
      if (++signals > 1) process.exit(1)
      resolve()
    }
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
    end = () => {
      clearTimeout(timer)
      resolve()
    }
  })
  return { ended, end }
}

function sentence (url: string, error: FoyerClientError): string {
  if ((error.cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED') return nothingListens(url)
  if (error.code === 'unreachable') return `${error.message.startsWith(url) ? '' : `${url}: `}${error.message}. Is it an MQTT server, and does the port speak TLS?`
  return `${url} refused ${error.topic === '' ? 'the connection' : error.topic}: ${error.message}. ${error.remedy}`
}

function wholeFrom (least: number, most: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < least || value > most) throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    return value
  }
}

function duration (text: string): number {
  const ms = parseDuration(text)
  if (ms === null || ms < 1 || ms > 2 ** 31 - 1) throw new InvalidArgumentError('It must be a duration up to 24d, for instance 30s, 10m or 1h.')
  return ms
}
