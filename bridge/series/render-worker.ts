import { serveCalls } from '../threads/worker-server.ts'
import { renderSeries } from './render.ts'
import type { Calls } from './renderer.ts'

const encoder = new TextEncoder()

// Bytes that come back are this thread's to collect.
serveCalls<Calls>((request) => request.kind === 'render' ? encoder.encode(renderSeries(request.asked, request.page)) : null, (bytes) => bytes === null ? [] : [bytes.buffer])
