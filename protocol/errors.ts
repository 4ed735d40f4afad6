/**
 * The one table of everything that Foyer says no to: MQTT, HTTP, the command line and the docs page read it.
 *
 * `kind` is what the sender may expect: a refused message will never pass as it is, "not now" may pass later,
 * a refused connection was never open, a closed one was ended by us.
 */
export interface ErrorEntry {
  readonly kind: 'refused' | 'not-now' | 'connect' | 'closed' | 'http'
  /** What happened, one sentence without a full stop; a thrown error may say it more precisely. */
  readonly sentence: string
  /** What to do about it. */
  readonly remedy: string
  /**
   * MQTT 5 reason code. Only codes that the specification allows in the packet that carries them (PUBACK, PUBREC and
   * SUBACK for refusals, CONNACK, DISCONNECT): strict clients take any other for a malformed packet.
   */
  readonly reasonCode: number
  /** MQTT 3.1.1 CONNACK return code; only where a CONNECT may be answered so. */
  readonly returnCode?: 1 | 2 | 3 | 4 | 5
  /** HTTP status of the same refusal. */
  readonly status: number
}

const table = {
  policy: { kind: 'refused', reasonCode: 0x87, status: 403, sentence: 'your token does not grant this', remedy: 'ask for a token whose role in the room allows it; `foyer explain` names the rule' },
  topic: { kind: 'refused', reasonCode: 0x90, status: 404, sentence: 'the topic lies outside every channel', remedy: 'publish to a topic that a channel declares, for instance rooms/{room}/messages, or declare a channel in the configuration' },
  filter: { kind: 'refused', reasonCode: 0x8f, status: 400, sentence: 'the topic filter is not valid', remedy: '# stands only at the end, + and # only as a whole level, at most 98 levels; a replay is $replay/{since}/{filter}' },
  size: { kind: 'refused', reasonCode: 0x83, status: 413, sentence: 'the payload is larger than the channel allows', remedy: 'send less at once, or raise maxBytes of the channel' },
  schema: { kind: 'refused', reasonCode: 0x99, status: 422, sentence: 'the payload is not what the channel accepts', remedy: 'compare it with what the channel declares' },
  belowQos: { kind: 'refused', reasonCode: 0x83, status: 422, sentence: 'the QoS is below what the channel guarantees', remedy: 'publish with the QoS of the channel, for commands 2' },
  refresh: { kind: 'refused', reasonCode: 0x87, status: 403, sentence: 'this is no token that the connection can go on with', remedy: 'publish a JWT of the same sub and issuer on $me/auth/refresh, or connect again' },
  rate: { kind: 'not-now', reasonCode: 0x97, status: 429, sentence: 'too much at once', remedy: 'send again, more slowly' },
  quota: { kind: 'not-now', reasonCode: 0x97, returnCode: 3, status: 429, sentence: 'a limit is reached', remedy: 'free some of it, or raise the limit that the message names' },
  disk: { kind: 'not-now', reasonCode: 0x97, returnCode: 3, status: 507, sentence: 'it could not be stored now', remedy: 'it was not acknowledged: send again; the operator finds the cause in the log' },
  backpressure: { kind: 'not-now', reasonCode: 0x97, status: 503, sentence: 'the broker is busy', remedy: 'it was not acknowledged: send again' },

  protocolVersion: { kind: 'connect', reasonCode: 0x84, returnCode: 1, status: 400, sentence: 'this MQTT version is not served', remedy: 'connect with MQTT 3.1, 3.1.1 or 5' },
  clientId: { kind: 'connect', reasonCode: 0x85, returnCode: 2, status: 400, sentence: 'the client id is not acceptable', remedy: 'use 1 to 128 bytes of UTF-8 without control characters, or an empty id with a clean session' },
  credentialsMissing: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'no token was given', remedy: 'put the JWT in the password of CONNECT, with any username: mosquitto_sub -u me -P "$(foyer token ...)"' },
  credentialsBad: { kind: 'connect', reasonCode: 0x86, returnCode: 4, status: 401, sentence: 'the user name or password is not known', remedy: 'check auth.users, or use a JWT as the password' },
  usernameMismatch: { kind: 'connect', reasonCode: 0x86, returnCode: 4, status: 401, sentence: 'the user name differs from the sub of the token', remedy: 'connect with the sub as the user name (auth.usernameMustMatchSub is on)' },
  tokenMalformed: { kind: 'connect', reasonCode: 0x86, returnCode: 4, status: 401, sentence: 'the password is not a JWT', remedy: 'paste the whole token, three parts joined by dots, without spaces or line breaks' },
  tokenAlgorithm: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the token is signed with an algorithm that is not accepted here', remedy: 'sign with the algorithm of the configured key: HS* for auth.jwtSecret, RS* or ES* for auth.jwtPublicKey and auth.jwksUrl' },
  tokenSignature: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the signature of the token does not fit the key of this server', remedy: 'sign it with the secret or key that this server was given; a token of another installation does not work here' },
  tokenKeyUnknown: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the token names a key that the JWKS does not have', remedy: 'check kid, and that the identity provider publishes the key' },
  tokenExpired: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the token has expired', remedy: 'get a new one; check the clocks if it is new' },
  tokenRevoked: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the token was revoked', remedy: 'get a new one, issued after the revocation' },
  tokenNotYet: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the token is not valid yet', remedy: 'wait for nbf, and check the clocks' },
  tokenUnlimited: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the token never expires', remedy: 'add exp, or allow it with auth.allowUnlimited' },
  tokenIssuer: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the token comes from another issuer', remedy: 'its iss must equal auth.issuer' },
  tokenAudience: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the token is meant for another audience', remedy: 'its aud must contain auth.audience' },
  tokenSubject: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the token has no usable sub', remedy: 'sub is a string of 1 to 128 bytes' },
  tokenRooms: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 401, sentence: 'the rooms claim of the token is not valid', remedy: 'rooms is an object from room, prefix.* or * to listener, device, gateway, member or owner' },
  keysUnavailable: { kind: 'connect', reasonCode: 0x88, returnCode: 3, status: 503, sentence: 'the keys to check the token could not be fetched', remedy: 'try again; the operator checks auth.jwksUrl' },
  will: { kind: 'connect', reasonCode: 0x87, returnCode: 5, status: 403, sentence: 'the will could never be published', remedy: 'give the will a topic and QoS that your token may publish, or connect without it' },
  authMethod: { kind: 'connect', reasonCode: 0x8c, returnCode: 5, status: 400, sentence: 'this authentication method is not served', remedy: 'put a JWT into the password of CONNECT instead of using enhanced authentication' },
  connectRate: { kind: 'connect', reasonCode: 0x9f, returnCode: 3, status: 429, sentence: 'connection rate exceeded', remedy: 'connect less often, and wait longer after each failure; the operator may raise limits.connectRate' },
  shuttingDown: { kind: 'connect', reasonCode: 0x8b, returnCode: 3, status: 503, sentence: 'the server is shutting down', remedy: 'connect again in a moment' },

  malformed: { kind: 'closed', reasonCode: 0x81, status: 400, sentence: 'a packet was malformed', remedy: 'the client library sent bytes that are not MQTT' },
  protocol: { kind: 'closed', reasonCode: 0x82, status: 400, sentence: 'a packet broke the protocol', remedy: 'the client library sent a packet that MQTT forbids here' },
  packetTooLarge: { kind: 'closed', reasonCode: 0x95, status: 413, sentence: 'a packet was larger than the limit', remedy: 'send smaller packets, or raise limits.packetBytes' },
  receiveMaximum: { kind: 'closed', reasonCode: 0x93, status: 429, sentence: 'too many QoS 2 messages are open at once', remedy: 'complete messages with PUBREL before sending more; MQTT 5 clients learn the limit as Receive Maximum' },
  topicAlias: { kind: 'closed', reasonCode: 0x94, status: 400, sentence: 'the topic alias is not valid', remedy: 'stay within Topic Alias Maximum and set an alias before using it' },
  keepalive: { kind: 'closed', reasonCode: 0x8d, status: 408, sentence: 'nothing was heard within one and a half keep-alive intervals', remedy: 'send PINGREQ in time; the network or the device was silent' },
  connectTimeout: { kind: 'closed', reasonCode: 0x80, status: 408, sentence: 'no CONNECT arrived in time', remedy: 'send CONNECT directly after the connection opens' },
  takenOver: { kind: 'closed', reasonCode: 0x8e, status: 409, sentence: 'the same user connected again with the same client id', remedy: 'give every client its own client id' },
  expired: { kind: 'closed', reasonCode: 0xa0, status: 401, sentence: 'the token expired', remedy: 'connect again with a new token' },
  revoked: { kind: 'closed', reasonCode: 0x87, status: 401, sentence: 'the token was revoked', remedy: 'connect again with a new token, issued after the revocation' },
  ended: { kind: 'closed', reasonCode: 0x98, status: 403, sentence: 'an administrator ended the connection', remedy: 'connect again, or ask the administrator' },
  slow: { kind: 'closed', reasonCode: 0x97, status: 503, sentence: 'messages were waiting longer than the limits allow', remedy: 'read faster, subscribe to less, or raise queue.bytes, queue.messages or queue.stallTimeout' },
  dropped: { kind: 'closed', reasonCode: 0x97, status: 503, sentence: 'QoS 0 messages were dropped because the connection reads too slowly', remedy: 'read faster, subscribe to less, or ask for QoS 1' },

  ticket: { kind: 'http', reasonCode: 0x87, status: 401, sentence: 'the ticket is not known: it was used, or is older than 30 seconds', remedy: 'get another one with POST /api/tickets; each is for one request' },
  badRequest: { kind: 'http', reasonCode: 0x80, status: 400, sentence: 'the request is not valid', remedy: 'see the detail' },
  idempotency: { kind: 'http', reasonCode: 0x80, status: 422, sentence: 'the Idempotency-Key was used for another request', remedy: 'use a new key for each message, and the same one only to send the very same request again' },
  notFound: { kind: 'http', reasonCode: 0x80, status: 404, sentence: 'there is nothing at this address', remedy: 'the routes are listed in docs/http.md' },
  unavailable: { kind: 'not-now', reasonCode: 0x88, returnCode: 3, status: 503, sentence: 'the server cannot do this now', remedy: 'try again in a moment' },
  internal: { kind: 'closed', reasonCode: 0x80, status: 500, sentence: 'something went wrong in the server', remedy: 'the operator finds it in the log' }
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof table

/** How the report begins of a subscription that ended, as the token does not grant it any more. */
export const SUBSCRIPTION_ENDED = 'a subscription ended: '

/** Every code with its entry. A `Map`, as every table that is looked up by a name from outside. */
export const errors: ReadonlyMap<ErrorCode, ErrorEntry> = new Map(Object.entries(table) as [ErrorCode, ErrorEntry][])

/** The entry of a code. */
export function errorEntry (code: ErrorCode): ErrorEntry {
  return table[code]
}

/** An error that a person will read: `message` says what and where, the table adds the remedy. */
export class FoyerError extends Error {
  readonly code: ErrorCode
  /** Milliseconds after which trying again may do; null when nobody can say. */
  readonly retryIn: number | null

  constructor (code: ErrorCode, message: string = table[code].sentence, options: { cause?: unknown, retryIn?: number } = {}) {
    super(message, options)
    this.name = 'FoyerError'
    this.code = code
    this.retryIn = options.retryIn ?? null
  }

  get entry (): ErrorEntry {
    return table[this.code]
  }
}
