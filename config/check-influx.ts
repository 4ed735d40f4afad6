import type { Facts } from './facts.ts'
import { isLoopback } from './loopback.ts'

/** What the keys under `influx` mean together, and with `store.embedded`. */
export function checkInflux ({ draft: { influx, store }, isFaulty, sourceOf, fault, warn }: Facts): void {
  const { url, username, password, token } = influx
  if (!store.embedded && url === null && !isFaulty('influx.url')) {
    fault({ path: 'store.embedded', message: 'can be off only with an InfluxDB that keeps history instead', remedy: 'set influx.url, or leave it on', source: sourceOf('store.embedded') })
  }
  if (token !== null && (username !== null || password !== null)) {
    fault({ path: 'influx.token', message: `can't be used together with influx.${username === null ? 'password' : 'username'}`, remedy: 'keep the token for InfluxDB 2, or name and password for 1.x', source: sourceOf('influx.token') })
  } else if ((username === null) !== (password === null) && !isFaulty('influx.username') && !isFaulty('influx.password')) {
    const [given, missing] = username === null ? ['password', 'username'] : ['username', 'password']
    fault({ path: `influx.${given}`, message: `is of no use without influx.${missing}`, remedy: `set influx.${missing}, or remove influx.${given}`, source: sourceOf(`influx.${given}`) })
  }
  if (url !== null && url.startsWith('http:') && (username !== null || token !== null) && !isLoopback(new URL(url).hostname)) {
    warn('influx.url is reached without TLS: whoever can listen on the way learns the password or token, and every message')
  }
}
