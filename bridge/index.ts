import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import type { Broker } from '../broker/index.ts'
import type { Config } from '../config/schema.ts'
import { meRoute } from './accounts/me-route.ts'
import { revocationsRoute } from './accounts/revocations-route.ts'
import { sessionsRoute } from './accounts/sessions-route.ts'
import { acceptTickets, ticketsRoute } from './accounts/tickets-route.ts'
import { Tickets } from './accounts/tickets.ts'
import { tokensRoute, type Mint } from './accounts/tokens-route.ts'
import { eventsRoute } from './events/route.ts'
import { pastOfStore } from './history/past-of-store.ts'
import { historyRoute } from './history/route.ts'
import { createHttpApp } from './http/app.ts'
import { letPagesIn } from './http/cross-origin.ts'
import { gatherDescriptions } from './http/docs/document.ts'
import { docsRoutes } from './http/docs/route.ts'
import { healthRoutes } from './http/health.ts'
import { limitRates } from './http/rates.ts'
import { tellRefusals } from './http/refusals.ts'
import { serverRoute, type Ports } from './http/server-route.ts'
import { createHttpServers } from './http/servers.ts'
import type { Addresses } from './http/servers.ts'
import { uiRoutes } from './http/ui/route.ts'
import { UserTurns } from './http/user-turns.ts'
import { eraseRoutes } from './keeping/erase-routes.ts'
import { exportRoute } from './keeping/export-route.ts'
import { forgetExports } from './keeping/parquet.ts'
import { brokerMetrics } from './observe/broker-metrics.ts'
import { influxMetrics } from './observe/influx-metrics.ts'
import { createSharedLoopMonitor } from './observe/loop-delay.ts'
import { createProcessMetrics } from './observe/process-metrics.ts'
import { RecentLog } from './observe/recent-log.ts'
import { recorderMetrics } from './observe/recorder-metrics.ts'
import { metricsRoute } from './observe/route.ts'
import { statsRoute } from './observe/stats-route.ts'
import { presenceRoute } from './presence/route.ts'
import { publishRoute } from './publish/route.ts'
import type { Lag } from './recorder/recorder.ts'
import { openStores } from './recorder/stores.ts'
import { roomsRoute } from './rooms/route.ts'
import { createRenderer } from './series/renderer.ts'
import { seriesRoute } from './series/route.ts'
import { createWebSocketGate } from './websocket/gate.ts'

export type { Addresses } from './http/servers.ts'
export { RecentLog } from './observe/recent-log.ts'

/** What `listen` of the broker resolves with. */
export interface MqttAddresses {
  readonly mqtt: AddressInfo | null
  readonly mqtts: AddressInfo | null
}

export interface BridgeOptions {
  readonly config: Config
  readonly broker: Broker
  readonly logger: Logger
  /** Of Foyer, for those who ask what runs. */
  readonly version: string
  /** Signs the tokens that admins ask for; without it they are told that tokens are signed elsewhere. */
  readonly mint?: Mint | null
  /** What `logger` writes to, too, for `GET /api/stats`. */
  readonly recentLog?: RecentLog
}

/** All that Foyer offers beside MQTT over TCP. */
export interface Bridge {
  /**
   * Opens the ports of HTTP; rejects with one clear sentence, and then listens nowhere. `mqtt` is where the broker
   * listens, for those who ask where; without it they are told the configured ports.
   */
  listen (mqtt?: MqttAddresses): Promise<Addresses>
  /** Where it listens; null for ports that are off, and before listen(). */
  readonly addresses: Addresses
  /** Resolves when everything that the broker accepted so far can be read as history. */
  flush (): Promise<void>
  /** How far the store is behind the journal, and files of the journal that it will never see. */
  stats (): { readonly lag: Lag, readonly missed: number }
  /** Ends WebSockets and requests, then stores what is left. Idempotent. Close the broker's own ports before. */
  close (): Promise<void>
}

/** Requests that ask the store for little, and those that ask for much, each: what of one user waits is no matter to the others. */
const STORE_TURNS = { atOnce: 2, waiting: 50, all: 500 }

export async function createBridge ({ config, broker, logger, version, mint = null, recentLog = new RecentLog() }: BridgeOptions): Promise<Bridge> {
  await forgetExports(config.dataDir)
  const stores = await openStores(config, broker.journal, logger)
  const { store, recorder, embedded, influx } = stores
  broker.remember(pastOfStore({ channels: broker.channels, store, recorder }))
  const gate = createWebSocketGate({ broker, origins: config.websocket.origins, packetBytes: config.limits.packetBytes })
  const { authenticator, users } = broker
  const tickets = new Tickets({ users, clockTolerance: config.auth.clockTolerance })
  const pageTurns = new UserTurns(STORE_TURNS)
  const scanTurns = new UserTurns(STORE_TURNS)
  const renderer = createRenderer()
  const processMetrics = createProcessMetrics()
  const loop = createSharedLoopMonitor()
  const groups = [brokerMetrics(broker), recorderMetrics(recorder), ...influx === null ? [] : [influxMetrics(influx)], processMetrics.group]
  let mqttAddresses: MqttAddresses | undefined
  let listening = false
  let closing: Promise<void> | null = null

  const faults = (): string[] => [
    store.fault(),
    broker.journal.fault,
    closing !== null ? 'the server is shutting down' : null,
    listening ? null : 'the server is starting'
  ].filter((fault) => fault !== null)

  const ports = (): Ports => {
    const { http, https } = servers.addresses
    const { mqtt, mqtts } = mqttAddresses ?? { mqtt: config.mqtt, mqtts: config.mqtts }
    // Port 0 is no port to name.
    return { mqtt: mqtt?.port || null, mqtts: mqtts?.port || null, http: http?.port ?? null, https: https?.port ?? null }
  }

  const app = createHttpApp({
    logger,
    bodyLimit: config.limits.packetBytes,
    routes: [
      (app) => { gatherDescriptions(app, version) },
      (app) => { letPagesIn(app, config.websocket.origins) },
      (app) => { tellRefusals(app, broker) },
      (app) => { acceptTickets(app, tickets) },
      (app) => { limitRates(app, { authenticator, rate: config.limits.httpRate }) },
      (app) => { healthRoutes(app, faults) },
      (app) => { uiRoutes(app) },
      (app) => { serverRoute(app, { version, broker, ports }) },
      (app) => { meRoute(app, authenticator) },
      (app) => { roomsRoute(app, { broker, store: embedded?.store ?? null, turns: pageTurns }) },
      (app) => { historyRoute(app, { broker, journal: broker.journal, store, recorder, turns: pageTurns }) },
      (app) => { seriesRoute(app, { broker, store, recorder, turns: scanTurns, renderer }) },
      (app) => { eventsRoute(app, { broker }) },
      (app) => { presenceRoute(app, broker) },
      (app) => { publishRoute(app, broker) },
      // What only the embedded store can do.
      (app) => { if (embedded !== null) eraseRoutes(app, { broker, ...embedded }) },
      (app) => { if (embedded !== null) exportRoute(app, { broker, ...embedded, dataDir: config.dataDir, turns: scanTurns }) },
      (app) => { revocationsRoute(app, { authenticator, users }) },
      (app) => { sessionsRoute(app, { authenticator, users }) },
      (app) => { tokensRoute(app, { authenticator, mint }) },
      (app) => { ticketsRoute(app, { authenticator, tickets }) },
      (app) => { metricsRoute(app, { authenticator, groups, isPublic: config.metrics.public }) },
      (app) => { statsRoute(app, authenticator, { version, broker, stores, loop, recentLog }) },
      (app) => { docsRoutes(app) }
    ]
  })
  await app.ready()

  const servers = createHttpServers({
    config,
    handler: (request, response) => { app.routing(request, response) },
    prepare: (server, isTls) => { gate.guard(server, isTls ? 'wss' : 'ws') }
  })

  async function listen (addresses?: MqttAddresses): Promise<Addresses> {
    mqttAddresses = addresses
    try {
      const addresses = await servers.listen()
      listening = true
      return addresses
    } catch (error) {
      await servers.close()
      throw error
    }
  }

  async function shutDown (): Promise<void> {
    await Promise.all([gate.close(), servers.close()])
    await app.close()
    processMetrics.close()
    loop.close()
    await renderer.close()
    await stores.close()
  }

  return {
    listen,
    get addresses () { return servers.addresses },
    flush: () => recorder.flush(),
    stats: () => ({ lag: recorder.lag, missed: recorder.missed }),
    close () {
      closing ??= shutDown()
      return closing
    }
  }
}
