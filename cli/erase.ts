import type { Command } from 'commander'
import { CommandError } from './fail.ts'
import { addHttpOptions, remove, type HttpOptions } from './http-client.ts'

interface EraseOptions extends HttpOptions {
  readonly room?: string
  readonly sender?: string
}

export function addErase (program: Command): void {
  const command = program.command('erase')
    .description('have the running server forget what was said in a room, or by a user, until now; there is no way back')
    .option('--room <room>', 'everything that the room keeps')
    .option('--sender <name>', 'everything that this user, the sub of a token, has sent')
    .addHelpText('after', `
Example: foyer erase --room lobby
         foyer erase --sender sensor-7`)
  addHttpOptions(command).action(erase)
}

async function erase ({ room, sender, ...options }: EraseOptions): Promise<void> {
  if ([room, sender].filter(given => given !== undefined && given !== '').length !== 1) throw new CommandError('say what to erase, by one of --room and --sender: foyer erase --room lobby')
  const path = room !== undefined ? `/api/rooms/${encodeURIComponent(room)}/history` : `/api/users/${encodeURIComponent(sender!)}/history`
  const { upTo, retained } = await remove(options, path) as { upTo: string, retained: number }
  const what = room !== undefined ? `everything in the room ${room}` : `everything that ${sender} sent`
  console.log(`erased: ${what} until ${upTo}, and ${retained} retained ${retained === 1 ? 'message' : 'messages'}`)
}
