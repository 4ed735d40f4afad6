import { resolve } from 'node:path'
import { isLoopback } from '../config/loopback.ts'
import type { Config } from '../config/schema.ts'
import { mint } from './mint.ts'
import { programName } from './program-name.ts'
import { inUrl, reachableHost } from './reachable-host.ts'
import type { Secret } from './secret.ts'
import { quoted } from './shell.ts'

/** Null for what is off. */
export interface Ports {
  readonly mqtt: number | null
  readonly mqtts: number | null
  readonly http: number | null
  readonly https: number | null
}

export interface WelcomeOptions {
  readonly version: string
  readonly config: Config
  readonly ports: Ports
  readonly secret: Secret | null
  readonly configFile: string | null
}

const DAY = 86_400

type Rooms = Readonly<Record<string, string>>

/** Of who looks around: also the rooms that `foyer devices` makes, and one to begin with. */
const EVERYWHERE: Rooms = { lobby: 'owner', '*': 'owner' }

/** What `serve` prints once it listens: what is running, and lines that work when pasted into another terminal. */
export function welcome (options: WelcomeOptions): string {
  return [...running(options), '', ...paste(options)].join('\n') + '\n'
}

function running ({ version, config, ports, configFile }: WelcomeOptions): string[] {
  const host = inUrl(reachableHost(config.host))
  const places: readonly (readonly [what: string, scheme: string, port: number | null, path: string])[] = [
    ['MQTT', 'mqtt', ports.mqtt, ''], ['MQTT over TLS', 'mqtts', ports.mqtts, ''],
    ['web page', 'http', ports.http, '/'], ['web page, TLS', 'https', ports.https, '/'],
    ['browsers', 'ws', ports.http, '/mqtt'], ['browsers, TLS', 'wss', ports.https, '/mqtt']
  ]
  return [
    `Foyer ${version} is running.`,
    ...places.filter(([, , port]) => port !== null).map(([what, scheme, port, path]) => row(what, `${scheme}://${host}:${port}${path}`)),
    row('data', config.dataDir),
    ...(configFile === null ? [] : [row('configuration', configFile)])
  ]
}

function row (what: string, value: string): string {
  return `  ${what.padEnd(13)} ${value}`
}

/** The lines with a token of a user who watches and of one who speaks. */
function paste ({ config, ports, secret, configFile }: WelcomeOptions): string[] {
  if (secret === null) return ['Tokens come from your identity provider: paste one into the web page; it is the password of mosquitto_sub -u me -P \'<token>\' ...', '']
  const mosquitto = mosquittoOptions(config, ports)
  const curl = curlOptions(config, ports)
  const command = (sub: string, rooms: Rooms): string => `${programName()} token --sub ${sub}${roomFlags(rooms)}${tokenFlags(config, secret, configFile)}`
  // A token must not be expanded by the shell, a command substitution must.
  const [quote, token] = secret.created
    ? ["'", (sub: string, rooms: Rooms) => mint(config, secret.secret, { sub, rooms, expiresIn: DAY })]
    : ['"', (sub: string, rooms: Rooms) => `$(${command(sub, rooms)})`]
  const [alice, bob] = [token('alice', { lobby: 'owner' }), token('bob', { lobby: 'member' })]
  return [
    ...(secret.created ? ['The tokens in these lines are valid for a day.', ''] : []),
    // Browsers do not send what follows the #, and the page takes it out of the address at once.
    ...(curl === null
      ? []
      : secret.created
        ? ['Open the web page:', '', `${curl.base}/#token=${token('alice', EVERYWHERE)}`, '']
        : [`Sign in to the web page, ${curl.base}/, with a token:`, '', command('alice', EVERYWHERE), '']),
    ...(mosquitto === null
      ? []
      : [
          'Paste into a second terminal to watch a room:', '',
          `mosquitto_sub ${mosquitto} -u alice -P ${quote}${alice}${quote} -t 'rooms/lobby/#' -t '$me/errors' -v`, '',
          'and into a third to speak in it as somebody else:', '',
          `mosquitto_pub ${mosquitto} -u bob -P ${quote}${bob}${quote} -q 1 -t 'rooms/lobby/messages' -m 'hello'`, ''
        ]),
    ...(curl === null ? [] : ['What was said stays:', '', `curl -s${curl.flags} -H ${quote}Authorization: Bearer ${alice}${quote} '${curl.base}/api/rooms/lobby/history?filter=messages'`, ''])
  ]
}

/** A certificate of one's own machine rarely names the address that it listens on. */
function mosquittoOptions ({ host, tls }: Config, { mqtt, mqtts }: Ports): string | null {
  if (mqtt !== null) return `-h ${reachableHost(host)} -p ${mqtt}`
  if (mqtts === null) return null
  return `-h ${reachableHost(host)} -p ${mqtts} --cafile ${quoted(tls.cert!)}${isLoopback(reachableHost(host)) ? ' --insecure' : ''}`
}

function curlOptions ({ host, tls }: Config, { http, https }: Ports): { flags: string, base: string } | null {
  const name = inUrl(reachableHost(host))
  if (http !== null) return { flags: '', base: `http://${name}:${http}` }
  if (https === null) return null
  return { flags: isLoopback(reachableHost(host)) ? ' --insecure' : ` --cacert ${quoted(tls.cert!)}`, base: `https://${name}:${https}` }
}

function roomFlags (rooms: Rooms): string {
  return Object.entries(rooms).map(([room, role]) => ` --room ${room === '*' ? quoted(`${room}=${role}`) : `${room}=${role}`}`).join('')
}

/** What `token` needs to know to find the secret by itself: nothing where all is at its default place. */
function tokenFlags ({ dataDir }: Config, { generated }: Secret, configFile: string | null): string {
  return [
    configFile === null || configFile === resolve('foyer.config.yaml') ? '' : ` --config ${quoted(configFile)}`,
    !generated || dataDir === resolve('data') ? '' : ` --data-dir ${quoted(dataDir)}`
  ].join('')
}
