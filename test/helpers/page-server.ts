import { readFileSync } from 'node:fs'
import { createServer, request as forward } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import type { Teardown } from './teardown.ts'

const TYPES = new Map([['html', 'text/html'], ['css', 'text/css'], ['js', 'text/javascript']])

/** A policy that allows no inline script or style, and no worker. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws:"

/** A web server that brings files of its own and everything else, WebSockets too, from the server behind it. */
export async function newPageServer (t: Teardown, target: number, files: ReadonlyMap<string, string>): Promise<number> {
  const server = createServer((request, response) => {
    const file = files.get(request.url!)
    if (file !== undefined) {
      response.writeHead(200, { 'content-type': TYPES.get(file.split('.').at(-1)!)!, 'content-security-policy': POLICY }).end(readFileSync(file))
      return
    }
    const { method, url, headers } = request
    const onward = forward({ port: target, method, path: url, headers }, answer => {
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  server.on('upgrade', (request, near, head) => {
    const far = net.connect(target, '127.0.0.1')
    const lines = [`GET ${request.url} HTTP/1.1`]
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
    far.write(`${lines.join('\r\n')}\r\n\r\n`)
    far.write(head)
    far.pipe(near).pipe(far)
    for (const [one, other] of [[near, far], [far, near]] as const) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}
