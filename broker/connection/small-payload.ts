/** Bytes of a payload that the broker sends to one connection about itself: small clients have receive buffers of 256, topic and header included. */
export const PAYLOAD_BYTES = 159
