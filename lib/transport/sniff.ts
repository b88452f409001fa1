import { type Duplex, finished } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { ProtocolError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'

/** Options of sniff(). */
export interface SniffOptions {
  /** Limits that differ from the defaults: see Limits. `handshakeMs` applies. */
  limits?: Partial<Limits>
  /** The clock to use; the system's by default. */
  clock?: Clock
}

/** The protocol of a peer. `'rtmp'` includes RTMPE, and anything else that the handshake must judge. */
export type Spoken = 'rtmp' | 'tls' | 'http'

/** A TLS record of type handshake (RFC 8446, 5.1). */
const CLIENT_HELLO = 22

/**
 * Detects the protocol of a peer by its first byte, so that one port serves all. The byte stays in the stream. The
 * caller must read the Duplex at once. The result is undefined for a peer that ends before it sends a byte. A peer that
 * is silent for `limits.handshakeMs` is a ProtocolError `ERR_RTMP_HANDSHAKE_TIMEOUT`, and the caller destroys the
 * Duplex.
 */
export function sniff(bytes: Duplex, { limits, clock = systemClock }: SniffOptions = {}): Promise<Spoken | undefined> {
  const { handshakeMs } = limitsWith(limits)
  return new Promise((resolve, reject) => {
    const look = () => {
      const head: Buffer | null = bytes.read()
      if (head === null) return
      leave()
      bytes.unshift(head)
      resolve(spoken(head[0]!))
    }
    const late = () => over(new ProtocolError('ERR_RTMP_HANDSHAKE_TIMEOUT', { layer: 'handshake', offset: 0 }))
    const over = (error?: Error | null) => {
      leave()
      if (error) reject(error)
      else resolve(undefined)
    }
    const leave = () => {
      stopTimer()
      stopWaiting()
      bytes.off('readable', look)
      // it may fail before the caller listens for errors
      bytes.on('error', nothing)
      setImmediate(() => bytes.off('error', nothing))
    }
    const nothing = () => {}
    const stopTimer = clock.after(handshakeMs, late)
    const stopWaiting = finished(bytes, { writable: false }, over)
    bytes.on('readable', look)
  })
}

/** HTTP methods are capital letters. */
function spoken(first: number): Spoken {
  if (first === CLIENT_HELLO) return 'tls'
  return first >= 0x41 && first <= 0x5a ? 'http' : 'rtmp'
}
