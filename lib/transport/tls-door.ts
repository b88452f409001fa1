import type * as net from 'node:net'
import type { Duplex } from 'node:stream'
import * as tls from 'node:tls'
import { type Clock, systemClock } from '../clock.ts'
import { ProtocolError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { copyPeer, ends } from './proxy-door.ts'

/** The output of a door. */
export interface DoorLead {
  /** Receives the byte stream. */
  through(bytes: Duplex): void
  /** Receives the error of a connection that failed. */
  failed(error: Error): void
}

/**
 * TLS for connections that were accepted elsewhere, by a server of node:tls that does not listen. The TLS handshake
 * must complete within `limits.handshakeMs`, however slowly its bytes arrive: Node's own `handshakeTimeout` restarts
 * with each byte. Otherwise it ends with `ERR_RTMP_HANDSHAKE_TIMEOUT`.
 */
export class TlsDoor {
  readonly #server: tls.Server
  readonly #lead: DoorLead
  readonly #clock: Clock
  readonly #handshakeMs: number
  /** Connections in their TLS handshake, and the functions that stop their timers. */
  readonly #settling = new Map<string, { bytes: net.Socket; stop: () => void }>()

  /** @throws what tls.createServer throws for an invalid key or certificate. */
  constructor(
    secrets: tls.TlsOptions,
    { limits, clock = systemClock }: { limits?: Partial<Limits>; clock?: Clock },
    lead: DoorLead
  ) {
    this.#lead = lead
    this.#clock = clock
    this.#handshakeMs = limitsWith(limits).handshakeMs
    this.#server = tls.createServer(secrets)
    this.#server.on('secureConnection', bytes => {
      const settling = this.#settling.get(ends(bytes))
      if (settling !== undefined) copyPeer(settling.bytes, bytes)
      settling?.stop()
      lead.through(bytes.setNoDelay(true))
    })
    this.#server.on('tlsClientError', error => lead.failed(error))
  }

  /** Accepts a connection. */
  enter(bytes: net.Socket): void {
    const key = ends(bytes)
    const stop = () => {
      stopTimer()
      if (this.#settling.get(key)?.stop === stop) this.#settling.delete(key)
    }
    const stopTimer = this.#clock.after(this.#handshakeMs, () => {
      stop()
      if (bytes.destroyed) return
      bytes.destroy()
      this.#lead.failed(new ProtocolError('ERR_RTMP_HANDSHAKE_TIMEOUT', { layer: 'handshake', offset: 0 }))
    })
    this.#settling.set(key, { bytes, stop })
    bytes.once('close', stop)
    // otherwise TLS waits for more from a client that left because it does not trust the certificate
    bytes.allowHalfOpen = false
    this.#server.emit('connection', bytes)
  }

  /** Replaces the certificate; open connections keep theirs. */
  setSecureContext(secrets: tls.SecureContextOptions): void {
    this.#server.setSecureContext(secrets)
  }
}
