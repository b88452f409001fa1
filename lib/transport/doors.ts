import type { RequestListener } from 'node:http'
import type * as net from 'node:net'
import type { Duplex } from 'node:stream'
import type * as tls from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Limits } from '../limits.ts'
import { httpDoor, type UpgradeListener } from './http-door.ts'
import { type Spoken, sniff } from './sniff.ts'
import { type DoorLead, TlsDoor } from './tls-door.ts'
import { tunnelServer } from './tunnel/tunnel-server.ts'

export interface DoorsOptions {
  /**
   * Also accepts TLS, with the options of tls.createServer: `key` and `cert`, or `pfx`, `SNICallback`, `requestCert`.
   */
  tls?: tls.TlsOptions
  /** Also accepts HTTP tunnels: false. */
  tunnel?: boolean
  /**
   * Takes HTTP requests that are not a tunnel's, at the same port, over TLS too: a listener for the `'request'` of a server of
   * node:http, or what Express and the like give. What it throws is thrown on, as by such a server; how long a request and its answer
   * may take is for it to say.
   */
  http?: RequestListener
  /** Takes HTTP requests to upgrade, such as those of WebSocket: a listener for the `'upgrade'` of a server of node:http. */
  upgrade?: UpgradeListener
  limits?: Partial<Limits>
  clock?: Clock
}

const notFound: RequestListener = (_request, response) => {
  response.writeHead(404, { 'Content-Length': 0, Connection: 'close' }).end()
}

/**
 * One port for every scheme over TCP: sniffs what a peer speaks, and passes it through TLS and tunnel to the RTMP
 * handshake. Doors may be nested: the output of TLS is sniffed again.
 */
export class Doors {
  readonly #lead: DoorLead
  readonly #options: DoorsOptions
  readonly #tls: TlsDoor | undefined
  readonly #http: ((bytes: Duplex) => void) | undefined

  /** @throws what tls.createServer throws for an invalid key or certificate. */
  constructor({ tls: secrets, tunnel = false, http, upgrade, ...options }: DoorsOptions, lead: DoorLead) {
    this.#lead = lead
    this.#options = options
    const again = { through: (bytes: Duplex) => void this.enter(bytes), failed: (error: Error) => lead.failed(error) }
    if (secrets !== undefined) this.#tls = new TlsDoor(secrets, options, again)
    if (!tunnel && http === undefined && upgrade === undefined) return
    const others = http ?? notFound
    const tunnels = tunnelServer(bytes => lead.through(bytes), options)
    const request: RequestListener = tunnel
      ? (request, response) => tunnels(request, response, () => others(request, response))
      : others
    this.#http = httpDoor({ request, upgrade }, options)
  }

  /** Accepts a connection. */
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

  /** Anything else is passed on: the handshake reports that it is not RTMP. */
  #way(spoken: Spoken, bytes: Duplex): void {
    const isSecure = 'encrypted' in bytes
    if (spoken === 'tls' && this.#tls !== undefined && !isSecure) this.#tls.enter(bytes as net.Socket)
    else if (spoken === 'http' && this.#http !== undefined) this.#http(bytes)
    else this.#lead.through(bytes)
  }

  /**
   * Replaces the certificate; open connections keep theirs.
   * @throws TypeError if the server has no TLS.
   */
  setSecureContext(secrets: tls.SecureContextOptions): void {
    if (this.#tls === undefined) throw new TypeError('server has no TLS: options.tls was not given')
    this.#tls.setSecureContext(secrets)
  }
}
