/** Endpoints of RTMFP in a network that loses, delays and repeats, on a clock of its own: whole conversations in no time. */
import type { OutDatagram, Place } from '../../lib/rtmfp/session/datagrams.ts'
import { type EndpointOptions, RtmfpEndpoint } from '../../lib/rtmfp/session/endpoint.ts'
import type { Session } from '../../lib/rtmfp/session/session.ts'

export interface NetworkOptions {
  /** 0 to 1. */
  readonly loss?: number
  readonly repeats?: number
  /** Milliseconds that a datagram takes, at least and at most: where they differ, it may be overtaken. */
  readonly delay?: readonly [number, number]
  /** Numbers of 0 to 1: all chance there is. */
  readonly chance?: () => number
  /** A link that all datagrams to one place queue for: what it carries, and what waits for it at most. */
  readonly link?: { readonly to: Place; readonly bytesPerMs: number; readonly queueBytes: number }
}

/** What is at a place: an endpoint, or anything else that has no clock of its own. */
export type Participant = Pick<RtmfpEndpoint, 'input' | 'output' | 'nextTimeout' | 'elapsed'>

interface Flying {
  readonly at: number
  readonly number: number
  readonly datagram: OutDatagram
  readonly from: Place
}

export const place = (name: string, port = 1935): Place => ({ address: name, port })

export class Network {
  now = 1000
  /** Whether nothing arrives any more. */
  isCut = false
  /** Bytes of the longest datagrams that arrive: longer ones vanish. */
  mtu: number = Number.POSITIVE_INFINITY
  readonly #options: Required<Omit<NetworkOptions, 'link'>>
  readonly #link: NetworkOptions['link']
  readonly #nodes: (Pick<Node, 'flush' | 'place'> & { readonly endpoint: Participant })[] = []
  /** When the link has carried what waits for it. */
  #linkFreeAt = 0
  #flying: Flying[] = []
  #count = 0
  /** Everything that was sent. */
  readonly sent: { readonly from: Place; readonly to: Place; readonly bytes: Buffer; readonly at: number }[] = []

  constructor({ loss = 0, repeats = 0, delay = [10, 10], chance = () => 0.5, link }: NetworkOptions = {}) {
    this.#options = { loss, repeats, delay, chance }
    this.#link = link
  }

  /** Puts anything at a place. */
  join(place: Place, endpoint: Participant): void {
    const flush = () => {
      for (const datagram of endpoint.output(this.now)) this.send(datagram, place)
    }
    this.#nodes.push({ place, endpoint, flush })
  }

  node(at: Place, options: EndpointOptions): Node {
    const node = new Node(this, at, options)
    this.#nodes.push(node)
    return node
  }

  /** Puts a datagram on its way. */
  send(datagram: OutDatagram, from: Place): void {
    this.sent.push({ from, to: datagram.to, bytes: datagram.bytes, at: this.now })
    const { loss, repeats, chance } = this.#options
    if (this.isCut || datagram.bytes.length > this.mtu || chance() < loss) return
    const queued = this.#queued(datagram)
    if (queued === undefined) return
    this.#fly(datagram, from, queued)
    if (chance() < repeats) this.#fly(datagram, from, queued)
  }

  #fly(datagram: OutDatagram, from: Place, queued: number): void {
    const [least, most] = this.#options.delay
    const at = this.now + queued + least + (most - least) * this.#options.chance()
    this.#flying.push({ at, number: this.#count++, datagram, from })
  }

  /** Milliseconds that a datagram waits for the link and is on it; undefined if the queue is full. */
  #queued({ bytes, to }: OutDatagram): number | undefined {
    const link = this.#link
    if (link === undefined || link.to.address !== to.address) return 0
    const waiting = Math.max(0, this.#linkFreeAt - this.now)
    if (waiting * link.bytesPerMs + bytes.length > link.queueBytes) return undefined
    this.#linkFreeAt = this.now + waiting + bytes.length / link.bytesPerMs
    return this.#linkFreeAt - this.now
  }

  /** Lets `ms` pass, and all that happens in them. */
  pass(ms: number): void {
    const until = this.now + ms
    for (let turns = 0; ; turns++) {
      if (turns > 100_000) throw new Error('the network does not come to rest')
      for (const node of this.#nodes) node.flush()
      const next = Math.min(
        ...this.#flying.map(({ at }) => at),
        ...this.#nodes.map(({ endpoint }) => endpoint.nextTimeout())
      )
      if (next > until) break
      this.now = Math.max(this.now, next)
      const arrived = this.#flying.filter(({ at }) => at <= this.now).sort((a, b) => a.at - b.at || a.number - b.number)
      this.#flying = this.#flying.filter(({ at }) => at > this.now)
      for (const { datagram, from } of arrived) {
        const node = this.#nodes.find(
          ({ place: { address, port } }) => address === datagram.to.address && port === datagram.to.port
        )
        node?.endpoint.input(datagram.bytes, from, this.now)
        node?.flush()
      }
      for (const { endpoint } of this.#nodes) endpoint.elapsed(this.now)
    }
    this.now = until
  }
}

export class Node {
  readonly endpoint: RtmfpEndpoint
  readonly opened: Session[] = []
  readonly closed: Session[] = []
  readonly #network: Network
  /** Where it is: a NAT may change that. */
  place: Place

  constructor(network: Network, at: Place, options: EndpointOptions) {
    this.#network = network
    this.place = at
    this.endpoint = new RtmfpEndpoint({
      ...options,
      opened: session => {
        this.opened.push(session)
        return options.opened?.(session)
      },
      closed: session => {
        this.closed.push(session)
        options.closed?.(session)
      }
    })
  }

  flush(): void {
    for (const datagram of this.endpoint.output(this.#network.now)) this.#network.send(datagram, this.place)
  }
}
