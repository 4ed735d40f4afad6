import type { Command } from 'commander'
import { parseDuration } from '../protocol/duration.ts'
import { addConfigFlags, readClientConfiguration, type Options } from './configuration.ts'
import { CommandError } from './fail.ts'
import { mint } from './mint.ts'
import { collect, roomsOf } from './rooms-option.ts'
import { signingSecret } from './secret.ts'

interface TokenOptions extends Options {
  readonly sub: string
  readonly room: readonly string[]
  readonly expires: string
  readonly admin?: boolean
  readonly hidden?: boolean
}

export function addToken (program: Command): void {
  const command = program.command('token')
    .description('print a token signed with the secret of this server, and nothing else')
    .requiredOption('--sub <name>', 'who it is for')
    .option('--room <room=role>', 'a grant: listener, device, gateway, member or owner of a room, of prefix.* or of *; may be repeated', collect, [])
    .option('--expires <duration>', 'how long it is valid: 90s, 15m, 1h, 30d', '1h')
    .option('--admin', 'opens the admin API and $SYS')
    .option('--hidden', 'the user is not shown in presence')
    .addHelpText('after', `
Example: foyer token --sub me --room lobby=owner
         foyer token --sub sensor-7 --room kitchen=device --room 'acme.*=member' --expires 30d`)
  addConfigFlags(command, ['dataDir', 'auth.jwtSecret', 'auth.issuer', 'auth.audience', 'auth.roomsClaim']).action(token)
}

function token ({ sub, room, expires, admin, hidden, ...options }: TokenOptions): void {
  const config = readClientConfiguration(options)
  const secret = signingSecret(config)
  const expiresIn = seconds(expires)
  if (room.length === 0 && admin !== true) throw new CommandError('a token without a room can do nothing: add --room ROOM=ROLE, for instance --room lobby=member')
  console.log(mint(config, secret, { sub, rooms: roomsOf(room), expiresIn, admin: admin === true, presence: hidden !== true }))
}

function seconds (text: string): number {
  const ms = parseDuration(text)
  if (ms === null || ms < 1000) throw new CommandError(`--expires ${text} should be a duration of at least a second, for instance 15m, 1h or 30d`)
  return Math.floor(ms / 1000)
}
