import { Argument, Option, type Command } from 'commander'
import { createAuthenticator, type Identity } from '../broker/auth/index.ts'
import type { Config } from '../config/schema.ts'
import { compileChannels } from '../protocol/channels.ts'
import type { QoS } from '../protocol/channel.ts'
import { errorEntry, FoyerError, type ErrorCode } from '../protocol/errors.ts'
import { decide } from '../protocol/policy.ts'
import { addConfigFlags, readClientConfiguration, type Options } from './configuration.ts'
import { CommandError } from './fail.ts'
import { givenToken } from './given-token.ts'
import { checkingSecret } from './secret.ts'

interface ExplainOptions extends Options {
  readonly token?: string
  readonly username?: string
  readonly qos?: string
}

type Action = 'connect' | 'publish' | 'subscribe'

const topicExample = new Map<Action, string>([['publish', 'rooms/lobby/messages'], ['subscribe', 'rooms/lobby/#']])

export function addExplain (program: Command): void {
  const command = program.command('explain')
    .description('say whether a token may connect, publish or subscribe, and which rule decides; exit code 0 or 1')
    .addArgument(new Argument('<action>').choices(['connect', 'publish', 'subscribe']))
    .argument('[topic]', 'topic to publish to, or filter to subscribe to')
    .option('--token <jwt>', 'token in question (default: FOYER_TOKEN)')
    .option('--username <name>', 'user name in CONNECT')
    .addOption(new Option('--qos <qos>', 'QoS of the publish; without it, whether any QoS may').choices(['0', '1', '2']))
    .addHelpText('after', `
Example: foyer explain --token "$TOKEN" connect
         foyer explain --token "$TOKEN" publish rooms/lobby/messages
         foyer explain --token "$TOKEN" subscribe 'rooms/+/telemetry/#'`)
  addConfigFlags(command, ['dataDir', 'auth.jwtSecret', 'auth.jwtPublicKey', 'auth.jwksUrl', 'auth.issuer', 'auth.audience', 'auth.roomsClaim']).action(explain)
}

async function explain (action: Action, topic: string | undefined, options: ExplainOptions): Promise<void> {
  const example = topicExample.get(action)
  if (example !== undefined && topic === undefined) throw new CommandError(`${action} needs a ${action === 'publish' ? 'topic' : 'filter'}: foyer explain ${action} '${example}'`)
  if (example === undefined && topic !== undefined) throw new CommandError('connect takes no topic: foyer explain connect')
  const config = readClientConfiguration(options)
  try {
    const identity = await identify(config, options)
    if (action === 'connect') {
      allowed(`${identity.sub} may connect${until(identity)}; ${grants(identity)}`)
      return
    }
    const { code, rule } = decide(compileChannels(config.channels), identity, action, topic!, options.qos === undefined ? 2 : Number(options.qos) as QoS)
    if (code === null) allowed(rule)
    else refused(code, rule)
  } catch (error) {
    if (!(error instanceof FoyerError)) throw error
    refused(error.code, error.message)
  }
}

/** Asks as the server would. Throws the FoyerError that it would refuse the CONNECT with. */
async function identify (config: Config, options: ExplainOptions): Promise<Identity> {
  const { auth } = config
  const authenticator = createAuthenticator({ ...auth, jwtSecret: checkingSecret(config) })
  try {
    const token = givenToken(options)
    const username = auth.tokenFrom === 'username' ? token : options.username
    return await authenticator.authenticate({
      ...(username === undefined ? {} : { username }),
      ...(token === undefined ? {} : { password: Buffer.from(token) })
    })
  } finally {
    authenticator.close()
  }
}

function allowed (rule: string): void {
  console.log(`allowed: ${rule}`)
}

function refused (code: ErrorCode, rule: string): void {
  console.log(`refused: ${rule} [${code}]. ${errorEntry(code).remedy}`)
  process.exitCode = 1
}

function until ({ exp }: Identity): string {
  return exp === null ? ', without an end' : ` until ${new Date(exp * 1000).toISOString()}`
}

function grants ({ grants: { exact, prefixes, all }, admin }: Identity): string {
  const named = [
    ...Array.from(exact, ([room, role]) => `${role} of ${room}`),
    ...prefixes.map(({ prefix, role }) => `${role} of ${prefix}*`),
    ...(all === null ? [] : [`${all} of *`]),
    ...(admin ? ['admin'] : [])
  ]
  return named.length === 0 ? 'it is granted no room' : named.join(', ')
}
