import { readFile, stat } from 'node:fs/promises'
import { FlvReader, type Message } from '../index.ts'
import { DirectionLedger } from './direction-ledger.ts'
import { endpointName } from './ip.ts'
import { type ConnectionEntry, errorEntry, type LedgerEntry, tagEntry } from './ledger.ts'
import { PassedOver } from './passed-over.ts'
import { isPcap, readPackets } from './pcap.ts'
import { protocolOf } from './protocol-of.ts'
import { type TcpConnection, type TcpEvent, tcpEvents } from './tcp.ts'

/** Options of inspectFile() and inspectCapture(). */
export interface InspectOptions {
  /** Also list each chunk, before the message that ends with it. */
  chunks?: boolean
}

const GIB = 2 ** 30
/** The whole file is read into memory. */
const MAX_FILE = GIB

/**
 * The ledger of a file, a capture (pcap or pcapng) or an FLV file, detected by its first bytes.
 * @throws Error, in one sentence, for any other file, or one over 1 GiB; and what `readFile` throws.
 *
 * @example
 * ```ts
 * for (const entry of await inspectFile('live.pcap')) console.log(textLine(entry))
 * ```
 */
export async function inspectFile(path: string, options?: InspectOptions): Promise<Generator<LedgerEntry, void>> {
  const file = await stat(path)
  if (!file.isFile()) throw new Error(`${path} is not a regular file`)
  if (file.size > MAX_FILE) throw new Error(`${path} is larger than the maximum of ${MAX_FILE / GIB} GiB`)
  const bytes = await readFile(path)
  if (bytes.toString('latin1', 0, 3) === 'FLV') return inspectFlv(bytes)
  if (isPcap(bytes)) return inspectCapture(bytes, options)
  throw new Error(`${path} is neither pcap, pcapng nor FLV`)
}

/**
 * The ledger of every TCP connection of a capture, pcap or pcapng, in the order of events: for plain RTMP everything
 * both sides sent, for other connections the detected protocol; and the number of skipped packets by kind.
 * @throws Error, in one sentence, for a truncated or invalid file, after everything readable was yielded.
 *
 * @example
 * ```ts
 * for (const entry of inspectCapture(readFileSync('live.pcap'))) console.log(textLine(entry))
 * ```
 */
export function* inspectCapture(bytes: Buffer, options: InspectOptions = {}): Generator<LedgerEntry, void> {
  // weakly, because one pair of endpoints may have any number of successive connections
  const ledgers = new WeakMap<TcpConnection, ConnectionLedger>()
  let count = 0
  const passedOver = new PassedOver()
  let broken: { reason: unknown } | undefined
  try {
    for (const event of tcpEvents(readPackets(bytes), packet => passedOver.note(packet))) {
      let ledger = ledgers.get(event.connection)
      if (ledger === undefined) {
        if (event.piece.kind !== 'bytes') continue
        ledger = new ConnectionLedger(++count, protocolOf(event.piece.bytes), options)
        ledgers.set(event.connection, ledger)
        yield ledger.entry(event.connection)
      }
      yield* ledger.take(event)
    }
  } catch (reason) {
    broken = { reason }
  }
  for (const text of passedOver.sentences()) yield { kind: 'note', text }
  if (count === 0) yield { kind: 'note', text: 'capture contains no TCP connection with data' }
  if (broken !== undefined) throw broken.reason
}

/**
 * The ledger of an FLV file: its header, its tags, and its end.
 *
 * @example
 * ```ts
 * for (const entry of inspectFlv(readFileSync('film.flv'))) console.log(jsonLine(entry))
 * ```
 */
export function* inspectFlv(bytes: Buffer): Generator<LedgerEntry, void> {
  const met: LedgerEntry[] = []
  const reader = new FlvReader({
    onHeader: tracks => met.push({ offset: 0, kind: 'flv', ...tracks }),
    onPreviousTagSize: mismatch => met.push({ kind: 'previousTagSize', ...mismatch }),
    onResync: skipped => met.push({ kind: 'resync', ...skipped })
  })
  function* tags(messages: Iterable<Message>): Generator<LedgerEntry, void> {
    for (const message of messages) {
      yield* met.splice(0)
      yield tagEntry(message, reader.tagOffset)
    }
  }
  try {
    yield* tags(reader.messages(bytes))
    yield* tags(reader.end())
  } catch (error) {
    yield* met.splice(0)
    const fault = errorEntry(error)
    yield { ...fault, offset: fault.layerOffset ?? reader.offset }
    return
  }
  yield* met.splice(0)
  const cut = reader.cut()
  yield { offset: bytes.length, kind: 'end', how: 'file', ...(cut && { cut }) }
}

/** The ledger of one connection. The first bytes of either side determine its protocol, which both share. */
class ConnectionLedger {
  readonly #number: number
  readonly #protocol: string
  /** Only for plain RTMP. */
  readonly #sides: { readonly client: DirectionLedger; readonly server: DirectionLedger } | undefined

  constructor(number: number, protocol: string, options: InspectOptions) {
    this.#number = number
    this.#protocol = protocol
    if (protocol === 'RTMP')
      this.#sides = { client: new DirectionLedger('client', options), server: new DirectionLedger('server', options) }
  }

  entry({ client, server, begin, whole }: TcpConnection): ConnectionEntry {
    const began = new Date(begin / 1000)
    return {
      kind: 'connection',
      connection: this.#number,
      client: endpointName(client),
      server: endpointName(server),
      ...(Number.isNaN(began.getTime()) ? {} : { began: began.toISOString() }),
      protocol: this.#protocol,
      whole
    }
  }

  *take({ connection, from, piece, time }: TcpEvent): Generator<LedgerEntry, void> {
    if (this.#sides === undefined) return
    const place = { time: (time - connection.begin) / 1e6, connection: this.#number, from }
    if (piece.kind === 'bytes') yield* this.#sides[from].take(piece.bytes, place)
    else if (piece.kind === 'end') yield* this.#sides[from].ends(piece.how, place)
    else yield { ...place, ...piece }
  }
}
