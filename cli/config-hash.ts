import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { hashPassword } from '../broker/auth/scrypt.ts'
import { askPassword } from './ask-password.ts'
import { CommandError } from './fail.ts'

export function addConfigHash (config: Command): void {
  config.command('hash')
    .description('read a password from standard input and print its hash for auth.users')
    .addHelpText('after', "\nExample: printf '%s' 'the password' | foyer config hash")
    .action(async () => {
      const password = process.stdin.isTTY ? await askPassword() : (await text(process.stdin)).replace(/\r?\n$/, '')
      if (password === '') throw new CommandError("no password came on standard input: printf '%s' 'the password' | foyer config hash")
      console.log(await hashPassword(password))
    })
}
