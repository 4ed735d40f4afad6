import { describe } from '../http/docs/describe.ts'

export const metricsSchema = describe({
  id: 'getMetrics',
  tag: 'Watching',
  summary: 'Numbers for Prometheus',
  description: 'For this machine itself without a token, for others with that of an admin, and for everybody where `metrics.public` says so.',
  who: 'admin',
  method: 'GET',
  path: '/metrics',
  answers: { 200: { description: 'The text format of Prometheus.', type: 'text/plain', schema: { type: 'string' }, example: '# HELP foyer_connections Open MQTT connections, by TCP, TLS and WebSocket.\n# TYPE foyer_connections gauge\nfoyer_connections 3\n' } }
})
