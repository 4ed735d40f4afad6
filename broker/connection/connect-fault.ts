import type { IConnectPacket } from 'mqtt-packet'
import { FoyerError } from '../../protocol/errors.ts'

const CLIENT_ID_BYTES = 128
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/** What a CONNECT may not say, whoever sends it; null when it is in order. */
export function connectFault ({ clientId, clean, protocolVersion, properties }: IConnectPacket): FoyerError | null {
  if (clientId === '' && protocolVersion !== 5 && clean !== true) {
    return new FoyerError('clientId', 'an empty client id needs a clean session') // [MQTT-3.1.3-8]
  }
  if (clientId === '' && protocolVersion === 3) return new FoyerError('clientId', 'MQTT 3.1 has no empty client ids')
  if (Buffer.byteLength(clientId) > CLIENT_ID_BYTES) return new FoyerError('clientId', `the client id has more than ${CLIENT_ID_BYTES} bytes`)
  if (CONTROL.test(clientId)) return new FoyerError('clientId', 'the client id contains control characters')
  if (properties?.authenticationMethod !== undefined) {
    return new FoyerError('authMethod', `the authentication method ${properties.authenticationMethod.slice(0, 64)} is not served`)
  }
  if (properties?.authenticationData !== undefined) throw new FoyerError('protocol', 'CONNECT has authentication data without a method')
  if (properties?.receiveMaximum === 0) throw new FoyerError('protocol', 'CONNECT has a Receive Maximum of 0') // [MQTT-3.1.2-11.3]
  if (properties?.maximumPacketSize === 0) throw new FoyerError('protocol', 'CONNECT has a Maximum Packet Size of 0')
  return null
}
