import { describe } from './docs/describe.ts'
import { array, integer, nullable, object, text } from './docs/schema.ts'

const port = (what: string, example: number): ReturnType<typeof nullable> => nullable(integer(`of ${what}; null if it is off`, example))

export const serverSchema = describe({
  id: 'getServer',
  tag: 'About',
  summary: 'What whoever wants to connect has to know',
  description: 'Ports and channels. It needs no token.',
  who: 'anyone',
  method: 'GET',
  path: '/api/server',
  answers: {
    200: {
      description: 'This server.',
      schema: object({
        version: text('of Foyer', '0.1.0'),
        ports: object({ mqtt: port('MQTT', 1883), mqtts: port('MQTT over TLS', 8883), http: port('HTTP and WebSocket', 8080), https: port('the same over TLS', 8443) }),
        channels: array({ type: 'object' }, 'as the configuration declares them, the first that matches a topic counts')
      })
    }
  }
})
