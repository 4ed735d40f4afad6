import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether only this machine can reach what listens on `host`. A name other than localhost may resolve to anything, so it counts as reachable. */
export function isLoopback (host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(address)
  if (family === 0) return /^localhost\.?$/i.test(address)
  // BlockList also recognises ::ffff:127.0.0.1, the IPv4 range seen through a dual-stack socket.
  return loopback.check(address.replace(/%.*$/, ''), family === 6 ? 'ipv6' : 'ipv4')
}
