import { ROLES } from '../protocol/channel.ts'
import { channelsKind } from './channels-kind.ts'
import { key, section } from './key.ts'
import type { Values } from './key.ts'
import { retention } from './keeping-time.ts'
import { bool, bytes, count, duration, onOff, oneOf, optional, orOff, port, text } from './kinds.ts'
import { hostName, influxAddress, jwtSecret, origins, webAddress } from './net-kinds.ts'
import { roomsKind } from './rooms-kind.ts'
import { usersKind } from './user-keys.ts'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/**
 * Every key of Foyer: type, default, environment name and sentence together. The type `Config`, the checks, the
 * environment names, the flags and docs/configuration.md are all derived from this table.
 */
export const declarations = {
  host: key(hostName, '127.0.0.1', 'Address that every port listens on. `0.0.0.0` or `::` is every network this machine is in: then use TLS, or say `insecure`.'),
  mqtt: section('MQTT over TCP, unencrypted.', {
    port: key(port, 1883, 'Port of MQTT over TCP; 0 takes any free one, `off` listens on none.')
  }),
  mqtts: section('MQTT over TLS.', {
    port: key(port, null, 'Port of MQTT over TLS, usually 8883; needs `tls.cert` and `tls.key`. Each connection costs a handshake and more memory than a plain one.')
  }),
  http: section('HTTP, the WebSocket at `/mqtt` and the web page, unencrypted.', {
    port: key(port, 8080, 'Port of HTTP, of the WebSocket at `/mqtt` and of the web page; 0 takes any free one, `off` listens on none.')
  }),
  https: section('The same over TLS.', {
    port: key(port, null, 'Port of the same over TLS, usually 8443; needs `tls.cert` and `tls.key`.')
  }),
  tls: section('The certificate of `mqtts` and `https`.', {
    cert: key(optional(text), null, 'Path of the PEM file with the certificate and its chain.'),
    key: key(optional(text), null, 'Path of the PEM file with the private key; readable by Foyer alone.')
  }),
  dataDir: key(text, './data', 'Folder of everything that must survive a restart: journal, store, sessions, the generated secret. Must be on a local disk whose fsync is honest; its speed bounds acknowledgements.'),
  insecure: key(bool, false, 'Accepts that tokens and messages cross the network unencrypted, or that anyone may connect, when listening beyond this machine. Right behind a proxy that does TLS, or in a container network.'),
  log: section('The log, one JSON object per line.', {
    level: key(oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), 'info', 'The least level that is logged. `debug` costs a line per packet, so throughput.')
  }),

  auth: section('Who may connect. One key source at most: `jwtSecret`, `jwtPublicKey` or `jwksUrl`; without any, `foyer serve` generates a secret in the data directory on its first start.', {
    jwtSecret: key(optional(jwtSecret), null, 'Secret of HS256, HS384 and HS512 tokens, at least 32 bytes; generated into the data directory when no key source is configured. Whoever knows it can mint any token.', { env: 'FOYER_JWT_SECRET', secret: true }),
    jwtPublicKey: key(optional(text), null, 'Public key of RS* and ES* tokens: PEM text, or the path of a PEM file, which is read once at start.', { env: 'FOYER_JWT_PUBLIC_KEY', secret: true }),
    jwksUrl: key(optional(webAddress), null, 'Address of the JWKS of an identity provider. A connection with a key not seen before waits for it to be fetched.', { env: 'FOYER_JWKS_URL' }),
    issuer: key(optional(text), null, 'The `iss` that tokens must have; unset accepts any.'),
    audience: key(optional(text), null, 'The `aud` that tokens must contain; unset accepts any, also tokens that were meant for another service of the same issuer.'),
    roomsClaim: key(text, 'rooms', 'Name of the claim that holds the map from rooms to roles.'),
    tokenFrom: key(oneOf('password', 'username'), 'password', 'Field of CONNECT that holds the token. `username` is for small clients that can send no password; user names tend to appear in logs of proxies.'),
    usernameMustMatchSub: key(bool, false, 'Refuses a CONNECT whose user name differs from the `sub` of its token.'),
    allowUnlimited: key(bool, false, 'Accepts tokens without `exp`. They end only by revocation or a change of the key.'),
    clockTolerance: key(duration('0s', '1h'), '5s', 'How far the clock of the issuer may be off; a token lives longer by this much.'),
    anonymous: key(oneOf('off', ...ROLES), 'off', 'Role in every room of those who connect without a password; `off` refuses them.'),
    onRefusal: key(oneOf('acknowledge', 'disconnect'), 'acknowledge', 'What a 3.1.1 client gets for a refused publish: an acknowledgement (and the reason on `$me/errors`), or the end of its connection.'),
    verifyTimeout: key(duration('100ms', '5m'), '5s', 'How long checking a token may take, keys being fetched included, before CONNECT is refused as "try again".'),
    jwksCache: key(duration('1s'), '10m', 'How long fetched keys are used. A key that the issuer withdraws is accepted until then.'),
    users: key(usersKind, [], 'Users with a password, for devices that can hold no JWT; keys of a user below. Each such CONNECT costs one scrypt (tens of milliseconds of a worker thread, 16 MiB at the usual strength).', { secret: true })
  }),

  websocket: section('MQTT over WebSocket, at `/mqtt` of `http` and `https`.', {
    origins: key(origins, [], 'Origins of web pages that may connect, and over HTTP read what rooms hold and publish, exactly as browsers send them (`https://app.example.com`), or `*` for all; in the environment separated by commas. Empty means pages from the host they connect to, and from loopback. Clients that send no origin are not browsers and always may.')
  }),

  metrics: section('Numbers for Prometheus, at `/metrics` of `http` and `https`.', {
    public: key(bool, false, 'Serves `/metrics` to everybody who reaches the port. Otherwise only to this machine, if no proxy stands before it, and to tokens with `"admin": true`. The numbers tell how busy Foyer is, and name no user, room or topic.')
  }),

  limits: section('What one client, one address or all together may take.', {
    packetBytes: key(bytes(128, 256 * MiB - 1), 262_144, 'Largest MQTT packet; a larger one ends the connection before it is read. Each connection may hold this much in memory. MQTT 5 clients are told as Maximum Packet Size.'),
    connectBytes: key(bytes(128, 16 * MiB), 65_536, 'Largest CONNECT packet, its will included: what a stranger can make Foyer keep in memory.'),
    connectTimeout: key(duration('100ms', '10m'), '10s', 'How long a new connection may take until its CONNECT is complete.'),
    pendingSockets: key(count(1, 1_000_000), 100, 'Connections of one address that have not completed CONNECT; more are closed at once. Raise it if many devices share an address and return together.'),
    connections: key(count(1, 10_000_000), 100_000, 'Connections in all; further ones are closed at once. Also bounded by the open files that the system allows (`ulimit -n`).'),
    sessions: key(count(1, 10_000_000), 100_000, 'Persistent sessions of all users together, connected or not; a client that wants one more is refused at CONNECT. Each costs some kilobytes of memory, subscriptions and a will in addition.'),
    connectRate: key(orOff(count(1, 1_000_000)), 'off', 'CONNECTs per second of one address, and of one user; a second\'s worth may come at once, further ones are refused before a password is checked. It protects against clients that reconnect in a loop and against guessing passwords. Off because all behind one router or proxy have one address, and a fleet that returns after an outage would take longer.'),
    receiveMaximum: key(count(1, 65_535), 1024, 'QoS 2 messages of one connection that may be open towards Foyer; beyond it the connection is closed. MQTT 5 clients are told as Receive Maximum; older ones, who can not be told, get eight times as much.'),
    inflight: key(count(1, 65_535), 128, 'QoS 1 and 2 messages sent to one connection and not yet acknowledged; the rest waits in its queue. More is faster over slow links, and more to repeat after a reconnect.'),
    topicAliases: key(count(0, 65_535), 32, 'Topic aliases that one MQTT 5 connection may use; each costs a topic name in memory. 0 turns them off.'),
    filtersPerPacket: key(count(1, 10_000), 100, 'Topic filters in one SUBSCRIBE or UNSUBSCRIBE.'),
    subscriptions: key(count(1, 1_000_000), 1000, 'Subscriptions of one session; each costs memory and a little of each publish that could match.'),
    messageRate: key(orOff(count(1, 1_000_000_000)), 'off', 'Messages per second that one connection may publish; a second\'s worth may come at once. What is above it is not lost: the socket is read more slowly, and only what waits longer than `admission.maxWait` is told "quota exceeded". Off because plain use would feel it; it costs a few numbers per connection.'),
    byteRate: key(orOff(bytes(1, 1024 * GiB)), 'off', 'The same in bytes of topics, payloads and MQTT 5 properties. A message larger than a second\'s worth passes, and those after it wait until it is made up for.'),
    userMessageRate: key(orOff(count(1, 1_000_000_000)), 'off', 'Messages per second of one user over all its connections, likewise; wills count. All who connect without a password are one user. Use it against one tenant slowing the others; it costs some hundred bytes per user who published within the last second.'),
    userByteRate: key(orOff(bytes(1, 1024 * GiB)), 'off', 'The same in bytes.'),
    retainedTopics: key(count(0, 100_000_000), 100_000, 'Topics that may keep a retained message; all of them are in memory. The rosters of rooms are not counted: they are as large as there are users in rooms.'),
    retainedPerUser: key(orOff(count(0, 100_000_000)), 50_000, 'Those of one user, by whom the retained message is: nobody can use up `retainedTopics` alone. Clearing a topic, or another user\'s message on it, frees its place. Costs a count per user who has any.'),
    journalBytesPerHour: key(orOff(bytes(KiB, 1024 * GiB)), 'off', 'Bytes that one user may have written to the journal per hour, all that Foyer adds to a message included. An hour\'s worth may come at once, then the user is slowed down to what is earned back all the time. Counted in memory, so a restart forgives. Off because `journal.userShare` protects the disk already; this one protects its wear and the store.'),
    seriesPerUser: key(orOff(count(1, 10_000_000)), 'off', 'Stored topics that one user may publish to per hour; one that it has not used for an hour makes room for another. It protects the store against names that are made up by mistake, such as a time in the topic. Off because nobody but you knows how many are right; costs memory for the names, at most so many per user.'),
    roomsPerUser: key(orOff(count(1, 10_000_000)), 'off', 'Rooms that one user may use at once: those it published to, or subscribed to by name, within the last hour. Wildcards and subscriptions of sessions that come back are not counted. Off, and costs memory, likewise.'),
    revocations: key(count(1, 10_000_000), 100_000, 'Revocations that are kept: one for each user whose tokens were revoked, and one for each single token until it would have ended. Each costs about a hundred bytes of memory, and of every snapshot.'),
    httpRate: key(orOff(count(1, 1_000_000)), 100, 'Requests per second to `/api/` of one user (`sub`), admins too, and failed authentications of one address; five seconds\' worth may come at once, further ones are answered by 429 and when to come again. Who comes without a token, where such are let in, is counted by address. Costs some hundred bytes per user who asked within the last seconds.'),
    idempotencyKeys: key(count(1, 10_000_000), 100_000, 'Values of `Idempotency-Key` that are remembered of all who publish over HTTP, each for 24 hours; of more, the oldest are forgotten before. Each costs about 150 bytes of memory, and 60 of every snapshot.'),
    replaysPerUser: key(count(1, 100_000), 20, 'Replays (`$replay/...`) of one user that may be under way at once; one that has caught up with the present does not count. Each holds a page of some hundred messages in memory.'),
    replaySpan: key(orOff(duration('1s')), 'off', 'How far back a replay may reach; one that asks for more begins there, and is told that it is not complete. Off lets it reach back as far as history does.'),
    keepalive: key(duration('1s', '65535s'), '18h', 'Longest keep-alive; clients that ask for more or for none get this one. A shorter one finds dead connections sooner and costs a packet per interval.')
  }),

  queue: section('What waits to be written to one connection that reads slowly. A connection costs up to this much memory.', {
    bytes: key(bytes(KiB, GiB), 1_048_576, 'Bytes that may wait. Beyond it QoS 0 messages are dropped, oldest first and counted; QoS 1 and 2 are held back.'),
    messages: key(count(1, 10_000_000), 10_000, 'Messages that may wait, likewise.'),
    stallTimeout: key(duration('1s', '1h'), '30s', 'How long the socket of a connection may stay full before the connection is closed with a reason.')
  }),

  sessions: section('What is kept for clients that are away.', {
    expiry: key(duration('0s', '36500d'), '7d', 'How long a persistent session survives its client: the rule for 3.1.1, the upper bound for MQTT 5.'),
    perUser: key(count(1, 1_000_000), 100, 'Persistent sessions of one user. What all of them may keep is this times `queueBytes`.'),
    queueMessages: key(count(0, 100_000_000), 10_000, 'Messages that wait for one absent session; beyond it new ones are dropped, counted, and the client is told when it returns.'),
    queueBytes: key(bytes(0, 1024 * GiB), 8_388_608, 'Bytes that wait for one absent session, likewise; on disk.')
  }),

  presence: section('Who is in which room.', {
    grace: key(duration('0s', '10m'), '2s', 'How long after the end of its last connection a user still counts as being in a room: whoever is back within it was never gone. A longer one hides worse networks, and tells later of those who are gone.')
  }),

  admission: section('What a publish may wait for.', {
    maxWait: key(duration('1s', '10m'), '10s', 'How long a publish may wait for its place or for the disk. Then an MQTT 5 client is told "quota exceeded", an older one is disconnected so that it sends again.')
  }),

  journal: section('The log on disk that everything acknowledged is written to first, in `dataDir`.', {
    maxBytes: key(bytes(64 * MiB, 1024 * GiB), 4 * GiB, 'What it may take on disk. What is stored and delivered is removed by itself, in files of 64 MiB or a sixteenth of this. From half of what can make anybody wait (`userShare` of it under `block`), files that only absent sessions keep are rewritten with nothing but the messages that wait for them. So it grows while the store fails, and with what waits.'),
    onFull: key(oneOf('block', 'drop-oldest'), 'block', 'What happens at `maxBytes`: publishers wait and are told why, or the oldest file goes, with what was still needed of it, when rewriting files did not make room.'),
    userShare: key(count(1, 100), 50, 'Percent of `maxBytes` that the messages of one user may take under `block`: who floods makes only himself wait.')
  }),

  store: section('History that can be queried; it follows the journal.', {
    embedded: key(onOff, 'on', 'Whether history is kept in the embedded DuckDB, in `dataDir`, which then answers what is asked. `off` needs `influx.url`: InfluxDB then answers history, series and replays alone, and Foyer is not ready while it is down.'),
    flushInterval: key(duration('10ms', '1s'), '1s', 'Longest time until an acknowledged message appears in queries. A shorter one writes smaller batches, so it costs throughput and disk space.'),
    retention: key(retention, 'off', 'How long messages are kept where neither their channel nor their room says anything; `off` keeps them for ever. What is older is removed from history and replays soon after; retained messages stay.')
  }),

  influx: section('An InfluxDB 1.x, or what speaks its protocol, that gets every stored message; see docs/influxdb.md. What it has not taken yet stays in the journal.', {
    url: key(optional(influxAddress), null, 'Its address, such as `http://127.0.0.1:8086`; unset writes to none. While it is down or refuses Foyer, the journal grows: at `journal.maxBytes` publishers wait.', { env: 'FOYER_INFLUX_URL' }),
    database: key(text, 'foyer', 'The database, which is made at start if Foyer may. It should be Foyer\'s alone.'),
    username: key(optional(text), null, 'Name of a user that may read and write there, with `influx.password`.'),
    password: key(optional(text), null, 'The password of that user.', { secret: true }),
    token: key(optional(text), null, 'Instead of both, a token, as InfluxDB 2 wants it from clients of version 1.', { secret: true })
  }),

  channels: key(channelsKind, {}, 'Channels by name: what is given is merged into the default of that name or declares a new one, and is matched before the defaults; `name: off` removes one. The keys of a channel are below.'),

  rooms: key(roomsKind, {}, 'What holds for some rooms, by room, by prefix as in `acme.*`, or `"*"` for all. A room beats the longest prefix that fits, that beats `"*"`.')
} as const

/** The whole configuration, read, checked and frozen. Durations are milliseconds, sizes bytes, `null` is off or unset. */
export type Config = Values<typeof declarations>
