import { Client } from './client.ts'
import { FoyerClientError } from './errors.ts'
import { settingsOf, type ConnectOptions } from './options.ts'
import { TokenSource } from './tokens.ts'

/**
 * Connects, and resolves when the server has said yes. Rejects with its refusal when coming again is of no use, with the
 * last error when the server can't be reached within `timeout`, with `usage` for what can't be asked for, with `closed` when `signal` ends it.
 */
export async function connect (options: ConnectOptions): Promise<Client> {
  const settings = settingsOf(options)
  const client = new Client(settings, new TokenSource(options.token, options.getToken))
  let last = new FoyerClientError('unreachable', `${settings.url} did not answer within ${settings.timeout} ms`)
  let timer: ReturnType<typeof setTimeout> | undefined
  const { signal } = options
  let abort = (): void => {}
  try {
    await new Promise<void>((resolve, reject) => {
      abort = () => reject(new FoyerClientError('closed'))
      if (signal?.aborted === true) return abort()
      signal?.addEventListener('abort', abort)
      client.once('connect', () => resolve())
      client.once('disconnect', ({ error }) => reject(error))
      client.on('reconnecting', ({ error }) => { last = error })
      timer = setTimeout(() => reject(last), settings.timeout)
      client.open()
    })
  } catch (error) {
    await client.close()
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
  return client
}
