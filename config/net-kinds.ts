import { isIP } from 'node:net'
import { z } from 'zod'
import type { Kind } from './key.ts'
import { checkedText, refuse } from './kinds.ts'

export const hostName = checkedText('an IP address or a host name', (value, ctx) => {
  if (value === '*') return refuse(ctx, 'can\'t be *', 'write 0.0.0.0 for every IPv4 network or :: for all')
  if (isIP(value) !== 0 || /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?\.?$/i.test(value)) return value
  const address = /^\[?([^\]/]+?)\]?(:\d+)?$/.exec(value.replace(/^[a-z]+:\/\//i, ''))?.[1]
  return refuse(ctx, 'must be an IP address or a host name alone', `write ${address ?? '127.0.0.1'}, and ports under mqtt.port and http.port`)
})

export const jwtSecret = checkedText('a secret of at least 32 bytes', (value, ctx) => {
  const length = Buffer.byteLength(value)
  if (length >= 32) return value
  // RFC 7518, 3.2: a key at least as long as the hash; a shorter one can be found by trying.
  return refuse(ctx, `must have at least 32 bytes, not ${length}`, 'make one with: openssl rand -base64 48')
})

export const webAddress = checkedText('an https:// or http:// address', (value, ctx) => {
  if (URL.canParse(value) && /^https?:\/\//i.test(value)) return value
  return refuse(ctx, 'must be an https:// or http:// address', 'write it like https://login.example.com/.well-known/jwks.json')
})

export const influxAddress = checkedText('an http:// or https:// address', (value, ctx) => {
  if (!URL.canParse(value) || !/^https?:\/\//i.test(value)) return refuse(ctx, 'must be an http:// or https:// address', 'write it like http://127.0.0.1:8086')
  const { username, password, search, hash } = new URL(value)
  if (username !== '' || password !== '') return refuse(ctx, 'can\'t hold a user name or password', 'write them to influx.username and influx.password, which are never shown')
  if (search !== '' || hash !== '') return refuse(ctx, 'can\'t hold more than an address', 'write the database to influx.database, and the address like http://127.0.0.1:8086')
  return value
})

/** Why a browser would never send this as its `Origin`, as a remedy; `null` if it could. */
function originRemedy (value: string): string | null {
  if (value === '*' || value === 'null') return null
  if (!URL.canParse(value)) return 'write it like https://app.example.com'
  const { protocol, host, origin } = new URL(value)
  if (host.includes('*') || host === '') return 'name each origin, or write * alone to allow all'
  // Apps send origins such as capacitor://localhost, which URL calls opaque.
  const sent = origin === 'null' ? `${protocol}//${host}` : origin
  return sent === value ? null : `browsers send it as ${sent}`
}

/** Always a list; `*` alone is a list of one. */
export const origins: Kind<readonly string[]> = {
  schema: z.preprocess((value) => value === '*' ? ['*'] : value, z.array(z.string()).superRefine((list, ctx) => {
    list.forEach((value, i) => {
      const remedy = originRemedy(value)
      if (remedy !== null) refuse(ctx, `${JSON.stringify(value.slice(0, 80))} is no origin`, remedy, [i])
    })
  })),
  expects: 'a list of origins, or *',
  fromText: (text) => text.split(',').map((part) => part.trim()).filter((part) => part !== '')
}
