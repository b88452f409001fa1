/** Bytes of the scrambled session id before the encrypted packet. */
export const SESSION_ID_LENGTH = 4

/** The session id of startup: packets with it are encrypted with the Default Session Key (RFC 7425, 4.7). */
export const STARTUP_SESSION_ID = 0

/**
 * The session id of a datagram, 32 bits, by which its receiver finds the session (RFC 7016, 2.2.2); undefined if no packet follows it.
 */
export function readSessionId(datagram: Buffer): number | undefined {
  return datagram.length > SESSION_ID_LENGTH ? (datagram.readUInt32BE(0) ^ mask(datagram)) >>> 0 : undefined
}

/** Writes the id, scrambled, into the first four bytes of a datagram whose encrypted packet is in place. */
export function writeSessionId(datagram: Buffer, sessionId: number): void {
  datagram.writeUInt32BE((sessionId ^ mask(datagram)) >>> 0, 0)
}

/** The first two words of the encrypted packet; a shorter one is padded with zeros. */
function mask(datagram: Buffer): number {
  if (datagram.length >= 12) return datagram.readUInt32BE(4) ^ datagram.readUInt32BE(8)
  let word = 0
  for (let at = SESSION_ID_LENGTH; at < datagram.length; at++) word ^= datagram[at]! << (24 - 8 * (at % 4))
  return word
}
