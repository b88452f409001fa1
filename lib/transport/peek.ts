import { type Duplex, finished } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { type LayerName, ProtocolError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'

/** Options of sniff(). */
export interface SniffOptions {
  /** Limits that differ from the defaults: see Limits. `handshakeMs` applies. */
  limits?: Partial<Limits>
  /** The clock to use; the system's by default. */
  clock?: Clock
}

/** What was found, and how many bytes it takes; the others stay in the stream. */
export interface Found<What> {
  readonly what: What
  readonly byteLength: number
}

/**
 * Reads the first bytes of a Duplex until `find` returns what they are, or throws. The caller must read the Duplex at
 * once. The result is undefined for a peer that ends before. A peer that has not sent enough within
 * `limits.handshakeMs` is a ProtocolError `ERR_RTMP_HANDSHAKE_TIMEOUT` of this layer, and the caller destroys the
 * Duplex.
 */
export function peek<What>(
  bytes: Duplex,
  find: (head: Buffer) => Found<What> | undefined,
  layer: LayerName,
  { limits, clock = systemClock }: SniffOptions = {}
): Promise<What | undefined> {
  const { handshakeMs } = limitsWith(limits)
  return new Promise((resolve, reject) => {
    let head: Buffer = Buffer.alloc(0)
    const look = () => {
      const more: Buffer | null = bytes.read()
      if (more === null) return
      head = head.length === 0 ? more : Buffer.concat([head, more])
      try {
        const found = find(head)
        if (found === undefined) return
        leave()
        if (found.byteLength < head.length) bytes.unshift(head.subarray(found.byteLength))
        resolve(found.what)
      } catch (error) {
        over(error as Error)
      }
    }
    const late = () => over(new ProtocolError('ERR_RTMP_HANDSHAKE_TIMEOUT', { layer, offset: head.length }))
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
