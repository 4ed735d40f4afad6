import type { FastifyRequest } from 'fastify'

/** The header `Link` to the next page [RFC 8288]: the address of this one, with some parameters of its query replaced. */
export function linkToNext (request: FastifyRequest, query: ReadonlyMap<string, string>, replaced: Readonly<Record<string, string>>): string {
  const [path] = request.url.split('?', 1)
  const parameters = new Map([...query, ...Object.entries(replaced)])
  const text = Array.from(parameters, ([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
  return `<${path}?${text}>; rel="next"`
}
