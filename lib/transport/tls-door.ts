import type * as net from 'node:net'
import type { Duplex } from 'node:stream'
import * as tls from 'node:tls'
import { type Clock, systemClock } from '../clock.ts'
import { ProtocolError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'

/** What a door leads to. */
export interface DoorLead {
  /** Takes bytes that came through it. */
  through(bytes: Duplex): void
  /** Hears of a peer that found no way in. */
  failed(error: Error): void
}

/**
 * TLS for connections that others have taken in, by a server of node:tls that does not listen. It is settled within
 * `limits.handshakeMs`, however its bytes drip in: Node's own time, `handshakeTimeout`, begins anew with each byte. One that is
 * not is an `ERR_RTMP_HANDSHAKE_TIMEOUT`.
 */
export class TlsDoor {
  readonly #server: tls.Server
  readonly #lead: DoorLead
  readonly #clock: Clock
  readonly #handshakeMs: number
  /** Of those whose TLS is not settled yet, what stops their timers. */
  readonly #settling = new Map<string, () => void>()

  /** @throws what tls.createServer throws for a key or certificate that is none. */
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
      this.#settling.get(ends(bytes))?.()
      lead.through(bytes.setNoDelay(true))
    })
    this.#server.on('tlsClientError', error => lead.failed(error))
  }

  /** Takes in a connection. */
  enter(bytes: net.Socket): void {
    const key = ends(bytes)
    const stop = () => {
      stopTimer()
      if (this.#settling.get(key) === stop) this.#settling.delete(key)
    }
    const stopTimer = this.#clock.after(this.#handshakeMs, () => {
      stop()
      if (bytes.destroyed) return
      bytes.destroy()
      this.#lead.failed(new ProtocolError('ERR_RTMP_HANDSHAKE_TIMEOUT', { layer: 'handshake', offset: 0 }))
    })
    this.#settling.set(key, stop)
    bytes.once('close', stop)
    // or TLS would wait for more from a client that has left because it does not trust us
    bytes.allowHalfOpen = false
    this.#server.emit('connection', bytes)
  }

  /** Goes on with another certificate; connections that are open keep theirs. */
  setSecureContext(secrets: tls.SecureContextOptions): void {
    this.#server.setSecureContext(secrets)
  }
}

/** Both ends of a connection, which TLS does not change. */
const ends = ({ remoteAddress, remotePort, localAddress, localPort }: net.Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
