import { type Duplex, finished } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { ProtocolError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'

/** Options of sniff(). */
export interface SniffOptions {
  /** The limits that differ from the defaults: see Limits. `handshakeMs` is heeded. */
  limits?: Partial<Limits>
  /** The clock it measures time by: the system's. */
  clock?: Clock
}

/** What a peer speaks: `'rtmp'` stands for RTMPE too, and for whatever else a handshake is to judge. */
export type Spoken = 'rtmp' | 'tls' | 'http'

/** A TLS record of type handshake (RFC 8446, 5.1). */
const CLIENT_HELLO = 22

/**
 * Tells by its first byte what a peer speaks, so that one port serves all; the byte stays where it was. Whoever takes the Duplex over
 * must do so at once. Undefined is a peer that ends before it has said a word; one that is silent for `limits.handshakeMs` is a
 * ProtocolError `ERR_RTMP_HANDSHAKE_TIMEOUT`, and the Duplex is the caller's to destroy.
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
      // it may fail before whoever takes it over has come to listen
      bytes.on('error', nothing)
      setImmediate(() => bytes.off('error', nothing))
    }
    const nothing = () => {}
    const stopTimer = clock.after(handshakeMs, late)
    const stopWaiting = finished(bytes, { writable: false }, over)
    bytes.on('readable', look)
  })
}

/** The methods of HTTP are capital letters. */
function spoken(first: number): Spoken {
  if (first === CLIENT_HELLO) return 'tls'
  return first >= 0x41 && first <= 0x5a ? 'http' : 'rtmp'
}
