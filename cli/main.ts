#!/usr/bin/env -S node --max-semi-space-size=32
// The flag, MiB: most of what is made for a message is garbage when it was delivered. Where new objects have 32 MiB instead of
// 16, less of it is copied on the way there, and while many replays are under way the pauses are half as long.
import { Command, CommanderError } from 'commander'
import { addConfig } from './config.ts'
import { addDevices } from './devices.ts'
import { addDoctor } from './doctor.ts'
import { addErase } from './erase.ts'
import { addExplain } from './explain.ts'
import { addExport } from './export.ts'
import { fail } from './fail.ts'
import { addPub } from './pub.ts'
import { addRevoke } from './revoke.ts'
import { addServe } from './serve.ts'
import { addSub } from './sub.ts'
import { addToken } from './token.ts'
import { addVerify } from './verify.ts'
import { version } from './version.ts'

const program = new Command('foyer')
  .description('A self-hosted real-time backend on MQTT: rooms, tokens and history in one process.')
  .version(version)
  .showSuggestionAfterError()
  .showHelpAfterError('(foyer --help lists the commands)')
  .addHelpText('after', `
Examples:
  foyer serve                                    start, and print lines to paste
  foyer token --sub me --room lobby=owner        a token for mosquitto_sub -u me -P '<token>'
  foyer sub -v 'rooms/lobby/#'                   watch a room
  foyer pub rooms/lobby/messages 'hello'         speak in it
  foyer explain --token "$TOKEN" connect         why a token does not work
  foyer revoke --sub sensor-7                    refuse the tokens that it has
  foyer export --room lobby                      what the room keeps, as lines of JSON
  foyer erase --room lobby                       forget it
  foyer devices                                  20 simulated devices in 4 rooms
  foyer verify                                   whether all that was acknowledged is stored
  foyer doctor                                   whether this machine can keep what is acknowledged`)
  .exitOverride()

addServe(program)
addToken(program)
addExplain(program)
addRevoke(program)
addErase(program)
addExport(program)
addConfig(program)
addPub(program)
addSub(program)
addDevices(program)
addVerify(program)
addDoctor(program)

// `foyer sub '#' | head -1`: whoever read has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  // Commander has said what was wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) process.exitCode = error.exitCode
  else fail(error)
}
