/** A NAT with a bad path behind it: real datagrams between real sockets, which it loses, delays, repeats and lets overtake each other. */
import * as dgram from 'node:dgram'
import { once } from 'node:events'

export interface UdpMiddleboxOptions {
  /** Where the datagrams of clients go: the server, at 127.0.0.1. */
  readonly port: number
  /** 0 to 1. */
  readonly loss?: number
  readonly repeats?: number
  /** Milliseconds that a datagram takes, at least and at most: where they differ, it may be overtaken. */
  readonly delay?: readonly [number, number]
  /** Longer datagrams are lost. */
  readonly maxLength?: number
  /** Datagrams on their way at most; more are lost. */
  readonly maxFlying?: number
  /** Numbers of 0 to 1: all chance there is. */
  readonly chance?: () => number
}

interface Client {
  readonly port: number
  readonly outer: dgram.Socket
}

export class UdpMiddlebox {
  /** Whether nothing passes any more. */
  isCut = false
  /** Datagrams that came, and those of them that were lost. */
  came = 0
  lost = 0
  readonly #options: Required<UdpMiddleboxOptions>
  readonly #inner = newSocket()
  readonly #clients = new Map<number, Client>()
  readonly #flying = new Set<NodeJS.Timeout>()

  private constructor(options: UdpMiddleboxOptions) {
    this.#options = {
      loss: 0,
      repeats: 0,
      delay: [0, 0],
      maxLength: 65_535,
      maxFlying: 10_000,
      chance: () => 0.5,
      ...options
    }
    this.#inner.on('message', (datagram, { port }) => {
      // the outer socket of when it leaves: it may be another by then
      this.#pass(datagram, () => this.#client(port).outer.send(datagram, this.#options.port, '127.0.0.1'))
    })
  }

  static async open(options: UdpMiddleboxOptions): Promise<UdpMiddlebox> {
    const box = new UdpMiddlebox(options)
    const listening = once(box.#inner, 'listening')
    box.#inner.bind(0, '127.0.0.1')
    await listening
    return box
  }

  /** Where clients find the server. */
  get place(): { address: string; port: number } {
    return { address: '127.0.0.1', port: this.#inner.address().port }
  }

  /** Forgets all clients: each has another port for the server, from its next datagram on, and nothing arrives at the old one. */
  rebind(): void {
    for (const { outer } of this.#clients.values()) outer.close()
    this.#clients.clear()
  }

  async close(): Promise<void> {
    this.isCut = true
    for (const timer of this.#flying) clearTimeout(timer)
    this.rebind()
    this.#inner.close()
    await once(this.#inner, 'close')
  }

  #client(port: number): Client {
    const known = this.#clients.get(port)
    if (known !== undefined) return known
    const outer = newSocket()
    outer.on('message', datagram =>
      this.#pass(datagram, () => {
        if (!this.isCut) this.#inner.send(datagram, port, '127.0.0.1')
      })
    )
    const client = { port, outer }
    this.#clients.set(port, client)
    return client
  }

  #pass(datagram: Buffer, send: () => void): void {
    const { loss, repeats, maxLength, maxFlying, chance } = this.#options
    this.came++
    if (this.isCut || datagram.length > maxLength || this.#flying.size >= maxFlying || chance() < loss) this.lost++
    else {
      this.#fly(send)
      if (chance() < repeats) this.#fly(send)
    }
  }

  #fly(send: () => void): void {
    const [least, most] = this.#options.delay
    if (most === 0) {
      send()
      return
    }
    const timer = setTimeout(
      () => {
        this.#flying.delete(timer)
        send()
      },
      least + (most - least) * this.#options.chance()
    )
    this.#flying.add(timer)
  }
}

const newSocket = () =>
  dgram.createSocket({
    type: 'udp4',
    recvBufferSize: 4 * 1024 * 1024,
    lookup: (host, _, found) => found(null, host, 4)
  })
