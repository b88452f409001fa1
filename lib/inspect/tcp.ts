import type { Packet } from './packet.ts'
import { TcpDirection, type TcpPiece } from './tcp-direction.ts'
import { type TcpSegment, tcpSegment } from './tcp-segment.ts'

/** The side that sent something: the client is the side that connected. */
export type Sender = 'client' | 'server'

export interface TcpConnection {
  /** The endpoints, see `endpointName`. */
  readonly client: string
  readonly server: string
  /** Microseconds since 1970: the time of its first packet. */
  readonly begin: number
  /** Whether the capture contains its first packets; otherwise the side that sends first is taken as the client. */
  readonly whole: boolean
}

/** An event of a connection. */
export interface TcpEvent {
  readonly connection: TcpConnection
  readonly from: Sender
  /** Microseconds since 1970: the capture time of the last packet it needed. */
  readonly time: number
  readonly piece: TcpPiece
}

/** The maximum number of connections: each needs memory, and a port scan opens one with each packet. */
const MAX_CONNECTIONS = 100_000

class Connection implements TcpConnection {
  readonly client: string
  readonly server: string
  readonly begin: number
  readonly whole: boolean
  readonly #directions = { client: new TcpDirection(), server: new TcpDirection() }

  constructor({ from, to, syn, ack }: TcpSegment, begin: number) {
    const answer = syn && ack
    this.client = answer ? to : from
    this.server = answer ? from : to
    this.begin = begin
    this.whole = syn
  }

  /** Whether the segment opens another connection between the same endpoints. */
  isOver({ syn, ack, from, sequence }: TcpSegment): boolean {
    return syn && !ack && (from !== this.client || this.#directions.client.isAnother(sequence))
  }

  *take(segment: TcpSegment, time: number): Generator<TcpEvent, void> {
    const from = segment.from === this.client ? 'client' : 'server'
    for (const piece of this.#directions[from].take(segment)) yield { connection: this, from, time, piece }
  }

  *ends(time: number): Generator<TcpEvent, void> {
    for (const from of ['client', 'server'] as const) {
      for (const piece of this.#directions[from].ends()) yield { connection: this, from, time, piece }
    }
  }
}

/**
 * The bytes of both sides of every TCP connection, in order, as events. Each direction ends once. `passOver` receives
 * packets without a segment.
 * @throws Error what `packets` throws, after all directions have ended; and for more connections than the maximum.
 */
export function* tcpEvents(
  packets: Iterable<Packet>,
  passOver: (packet: Packet) => void = () => {}
): Generator<TcpEvent, void> {
  const connections = new Map<string, Connection>()
  let time = 0
  let broken: { reason: unknown } | undefined
  try {
    for (const packet of packets) {
      time = packet.time
      const segment = tcpSegment(packet)
      if (segment === undefined) {
        passOver(packet)
        continue
      }
      const { from, to } = segment
      const key = from < to ? from + to : to + from
      let connection = connections.get(key)
      if (connection?.isOver(segment)) {
        yield* connection.ends(time)
        connection = undefined
      }
      if (connection === undefined) {
        if (!segment.syn && segment.payload.length === 0) continue
        if (connections.size === MAX_CONNECTIONS && !connections.has(key))
          throw new Error(`capture contains more than ${MAX_CONNECTIONS} TCP connections`)
        connection = new Connection(segment, time)
        connections.set(key, connection)
      }
      yield* connection.take(segment, time)
    }
  } catch (reason) {
    broken = { reason }
  }
  for (const connection of connections.values()) yield* connection.ends(time)
  if (broken !== undefined) throw broken.reason
}
