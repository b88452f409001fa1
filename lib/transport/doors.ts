import type { RequestListener } from 'node:http'
import type * as net from 'node:net'
import type { Duplex } from 'node:stream'
import type * as tls from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Limits } from '../limits.ts'
import { httpDoor, type UpgradeListener } from './http-door.ts'
import { type ProxyProtocolOptions, proxyDoor } from './proxy-door.ts'
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
   * node:http, or the app of Express or a similar framework. What it throws is thrown on, as by such a server. It sets its own timeouts for
   * requests and answers.
   */
  http?: RequestListener
  /** Takes HTTP requests to upgrade, such as those of WebSocket: a listener for the `'upgrade'` of a server of node:http. */
  upgrade?: UpgradeListener
  /** Accepts connections of proxies that send the PROXY protocol ahead of everything else: see ProxyProtocolOptions. */
  proxyProtocol?: ProxyProtocolOptions
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
  readonly #proxy: ((bytes: Duplex) => Promise<boolean>) | undefined
  readonly #tls: TlsDoor | undefined
  readonly #http: ((bytes: Duplex) => void) | undefined

  /** @throws what tls.createServer throws for an invalid key or certificate, TypeError for an invalid address of a proxy. */
  constructor(
    { tls: secrets, tunnel = false, http, upgrade, proxyProtocol, ...options }: DoorsOptions,
    lead: DoorLead
  ) {
    this.#lead = lead
    this.#options = options
    if (proxyProtocol !== undefined) this.#proxy = proxyDoor(proxyProtocol, options)
    const again = { through: (bytes: Duplex) => void this.#enter(bytes), failed: (error: Error) => lead.failed(error) }
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
  enter(bytes: Duplex): Promise<void> {
    return this.#enter(bytes, this.#proxy)
  }

  async #enter(bytes: Duplex, proxy?: (bytes: Duplex) => Promise<boolean>): Promise<void> {
    try {
      const isThere = proxy === undefined || (await proxy(bytes))
      if (!isThere) bytes.destroy()
      else if (this.#tls === undefined && this.#http === undefined) this.#lead.through(bytes)
      else this.#way(await sniff(bytes, this.#options), bytes)
    } catch (error) {
      bytes.destroy()
      this.#lead.failed(error as Error)
    }
  }

  /** Anything else is passed on: the handshake reports that it is not RTMP. */
  #way(spoken: Spoken | undefined, bytes: Duplex): void {
    const isSecure = 'encrypted' in bytes
    if (spoken === undefined) bytes.destroy()
    else if (spoken === 'tls' && this.#tls !== undefined && !isSecure) this.#tls.enter(bytes as net.Socket)
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
