import { serveCalls } from '../threads/worker-server.ts'
import { renderSeries } from './render.ts'
import type { Calls } from './renderer.ts'

const encoder = new TextEncoder()

serveCalls<Calls>(({ asked, page }) => encoder.encode(renderSeries(asked, page)), (bytes) => [bytes.buffer])
