import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { CommandError } from './fail.ts'
import { quoted } from './shell.ts'
import { writePrivateFile } from './write-file.ts'

/** Where the secret of HS* tokens comes from. */
export interface Secret {
  readonly secret: string
  /** Whether it was made just now. */
  readonly created: boolean
  /** Whether it is one that `serve` made, not one that somebody configured. */
  readonly generated: boolean
}

/** What HS256 needs at least [RFC 7518, 3.2]. */
const LEAST_BYTES = 32

/** Whether tokens are signed by a key that this server does not have. */
export function signedElsewhere ({ auth }: Config): boolean {
  return auth.jwtPublicKey !== null || auth.jwksUrl !== null
}

/** The configured or generated secret; null when there is none, or tokens come from an identity provider. */
export function findSecret (config: Config): Secret | null {
  if (config.auth.jwtSecret !== null) return { secret: config.auth.jwtSecret, created: false, generated: false }
  if (signedElsewhere(config)) return null
  const generated = readSecret(secretFile(config))
  return generated === null ? null : { secret: generated, created: false, generated: true }
}

/** Makes the secret of this installation; for `serve` alone, which holds the data directory. */
export function createSecret (config: Config): Secret {
  const secret = randomBytes(48).toString('base64url')
  writePrivateFile(secretFile(config), secret + '\n')
  return { secret, created: true, generated: true }
}

/** Takes back a secret that nobody has used, so that the next start is the first one again. */
export function forgetSecret (config: Config): void {
  rmSync(secretFile(config), { force: true })
}

/** The secret to sign with. Throws a CommandError that says where it looked. */
export function signingSecret (config: Config): string {
  if (signedElsewhere(config)) throw new CommandError('tokens for this server are signed by your identity provider (auth.jwtPublicKey or auth.jwksUrl is set): get one there')
  const found = findSecret(config)
  if (found === null) throw missing('secret to sign with', config)
  return found.secret
}

/** The secret to check tokens with; null where they are checked with another key, or users need none. */
export function checkingSecret (config: Config): string | null {
  const found = findSecret(config)
  const isNeeded = !signedElsewhere(config) && config.auth.users.length === 0 && config.auth.anonymous === 'off'
  if (found === null && isNeeded) throw missing('key to check tokens with', config)
  return found?.secret ?? null
}

function missing (what: string, config: Config): CommandError {
  return new CommandError(`there is no ${what}: looked at --jwt-secret, FOYER_JWT_SECRET, auth.jwtSecret of the configuration file, and ${secretFile(config)}. \`foyer serve\` makes one on its first start; if it runs elsewhere, name its folder with --data-dir`)
}

function secretFile ({ dataDir }: Config): string {
  return join(dataDir, 'secret')
}

function readSecret (file: string): string | null {
  let text: string
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw new CommandError(`the secret ${file} can be read by others, who could mint tokens with it. Close it with: chmod 600 ${quoted(file)}`)
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof CommandError) throw error
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw new CommandError(`the secret ${file} can't be read: ${code === 'EACCES' ? 'it belongs to another user. Run this as the one who runs the server' : message}`, { cause: error })
  }
  if (Buffer.byteLength(text) < LEAST_BYTES) throw new CommandError(`the secret ${file} is shorter than ${LEAST_BYTES} bytes. Restore it, or remove it for a new one (tokens signed with the old one end)`)
  return text
}
