/** Where a server that listens on `host` is reached from this machine: listening everywhere includes here. */
export function reachableHost (host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
}

/** An IPv6 address stands in brackets there. */
export function inUrl (host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
