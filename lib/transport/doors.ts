import type net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { type Clock, systemClock } from '../clock.ts'
import { ProtocolError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { httpDoor } from './http-door.ts'
import { type Spoken, sniff } from './sniff.ts'
import { tunnelServer } from './tunnel-server.ts'

export interface DoorsOptions {
  /** Speaks TLS too, with what tls.createServer takes: `key` and `cert`, or `pfx`, `SNICallback`, `requestCert`. */
  tls?: tls.TlsOptions
  /** Takes in tunnels through HTTP too: false. */
  tunnel?: boolean
  limits?: Partial<Limits>
  clock?: Clock
}

/** What Doors lead to. */
export interface DoorsLead {
  /** Takes bytes of RTMP, however they were carried. */
  through(bytes: Duplex): void
  /** Hears of a peer that found no way in. */
  failed(error: Error): void
}

/**
 * One port for all that TCP carries: looks at what a peer speaks, and leads it through TLS and tunnel to where RTMP begins. Layers may
 * lie over one another: what comes out of TLS is looked at again.
 */
export class Doors {
  readonly #lead: DoorsLead
  readonly #options: DoorsOptions
  /** It never listens: connections are handed to it. */
  readonly #tls: tls.Server | undefined
  readonly #http: ((bytes: Duplex) => void) | undefined
  /** Of those whose TLS is not settled yet, what stops their timers. */
  readonly #settling = new Map<string, () => void>()

  /** @throws what tls.createServer throws for a key or certificate that is none. */
  constructor({ tls: secrets, tunnel = false, ...options }: DoorsOptions, lead: DoorsLead) {
    this.#lead = lead
    this.#options = options
    if (secrets !== undefined) {
      this.#tls = tls.createServer(secrets)
      this.#tls.on('secureConnection', bytes => {
        this.#settling.get(ends(bytes))?.()
        void this.enter(bytes.setNoDelay(true))
      })
      this.#tls.on('tlsClientError', error => lead.failed(error))
    }
    if (tunnel)
      this.#http = httpDoor(
        tunnelServer(bytes => lead.through(bytes), options),
        options
      )
  }

  /** Takes in whoever has come. */
  async enter(bytes: Duplex): Promise<void> {
    if (this.#tls === undefined && this.#http === undefined) return this.#lead.through(bytes)
    try {
      const spoken = await sniff(bytes, this.#options)
      if (spoken === undefined) bytes.destroy()
      else this.#way(spoken, bytes)
    } catch (error) {
      bytes.destroy()
      this.#lead.failed(error as Error)
    }
  }

  /** What it cannot lead on is led through: its handshake says that it is no RTMP. */
  #way(spoken: Spoken, bytes: Duplex): void {
    const isSecure = 'encrypted' in bytes
    if (spoken === 'tls' && this.#tls !== undefined && !isSecure) this.#settle(bytes as net.Socket, this.#tls)
    else if (spoken === 'http' && this.#http !== undefined) this.#http(bytes)
    else this.#lead.through(bytes)
  }

  /** Node's own time for TLS, `handshakeTimeout`, begins anew with each byte: this does not. */
  #settle(bytes: net.Socket, server: tls.Server): void {
    const key = ends(bytes)
    const { clock = systemClock, limits } = this.#options
    const stop = () => {
      stopTimer()
      if (this.#settling.get(key) === stop) this.#settling.delete(key)
    }
    const stopTimer = clock.after(limitsWith(limits).handshakeMs, () => {
      stop()
      if (bytes.destroyed) return
      bytes.destroy()
      this.#lead.failed(new ProtocolError('ERR_RTMP_HANDSHAKE_TIMEOUT', { layer: 'handshake', offset: 0 }))
    })
    this.#settling.set(key, stop)
    bytes.once('close', stop)
    // or TLS would wait for more from a client that has left because it does not trust us
    bytes.allowHalfOpen = false
    server.emit('connection', bytes)
  }

  /** Has TLS go on with another certificate; connections that are open keep theirs. */
  setSecureContext(secrets: tls.SecureContextOptions): void {
    if (this.#tls === undefined) throw new TypeError('there is no TLS here: options.tls was not given')
    this.#tls.setSecureContext(secrets)
  }
}

/** Both ends of a connection, which TLS does not change. */
const ends = ({ remoteAddress, remotePort, localAddress, localPort }: net.Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
