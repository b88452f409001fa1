import {
  type ChunkFormat,
  ChunkReader,
  ClientHandshake,
  type Handshake,
  MessageReader,
  ServerHandshake,
  type Truncated
} from '../index.ts'
import { chunkEntry, errorEntry, type LedgerEntry, messageEntry, type Place } from './ledger.ts'
import type { Sender } from './tcp.ts'
import type { DirectionEnd } from './tcp-direction.ts'

/** What is known of a message in progress. */
interface Begun {
  readonly offset: number
  readonly chunks: number
  readonly format: ChunkFormat
}

/** The ledger of what one side of an RTMP connection sends: its handshake, its chunks if they are wanted, its messages. */
export class DirectionLedger {
  readonly #chunksToo: boolean
  readonly #handshake: Handshake
  /** Bytes of the handshake, once it is over. */
  #handshakeLength: number | undefined
  readonly #chunks = new ChunkReader()
  readonly #messages = new MessageReader()
  /** By chunk stream, the message in progress. */
  readonly #begun = new Map<number, Begun>()
  #version: number | undefined
  #failed = false

  constructor(from: Sender, { chunks = false }: { chunks?: boolean } = {}) {
    this.#chunksToo = chunks
    // each side's bytes are read by a machine of the other side, whose own answer nobody sees
    const random = (length: number) => Buffer.alloc(length)
    this.#handshake =
      from === 'client'
        ? new ServerHandshake({ random, encryption: false })
        : new ClientHandshake({ random, digest: 'simple' })
  }

  /** Takes the next bytes; gives what ends in them. Behind an error there is nothing any more. */
  *take(bytes: Buffer, place: Place): Generator<LedgerEntry, void> {
    if (this.#failed) return
    try {
      if (this.#handshakeLength === undefined) yield* this.#takeHandshake(bytes, place)
      else yield* this.#takeChunks(bytes, place, this.#handshakeLength)
    } catch (error) {
      this.#failed = true
      const offset = this.#handshakeLength === undefined ? 0 : this.#handshakeLength + this.#chunks.offset
      yield errorEntry(error, { ...place, offset })
    }
  }

  *ends(how: DirectionEnd, place: Place): Generator<LedgerEntry, void> {
    const cut = this.#cut()
    yield { ...place, kind: 'end', how, ...(cut && { cut }) }
  }

  *#takeHandshake(bytes: Buffer, place: Place): Generator<LedgerEntry, void> {
    this.#version ??= bytes[0]!
    const { reply, rest } = this.#handshake.feed(bytes)
    if (reply !== undefined) {
      const digest = this.#handshake.scheme ?? 'simple'
      yield { ...place, offset: 0, kind: 'handshake', version: this.#version, digest }
    }
    if (rest === undefined) return
    this.#handshakeLength = this.#handshake.received - rest.length
    if (rest.length > 0) yield* this.#takeChunks(rest, place, this.#handshakeLength)
  }

  *#takeChunks(bytes: Buffer, place: Place, behind: number): Generator<LedgerEntry, void> {
    for (const chunk of this.#chunks.chunks(bytes)) {
      const offset = behind + this.#chunks.offset - chunk.byteLength
      if (this.#chunksToo) yield chunkEntry(chunk, { ...place, offset })
      const { header, payload, last, control } = chunk
      const { chunkStreamId, format } = header
      const begun = this.#begun.get(chunkStreamId) ?? { offset, chunks: 0, format: format! }
      const carried = { ...begun, chunks: begun.chunks + 1 }
      const message = this.#messages.add(header, payload, 0, payload.length, last)
      if (message === undefined) this.#begun.set(chunkStreamId, carried)
      else {
        this.#begun.delete(chunkStreamId)
        yield messageEntry(message, { ...place, ...carried })
      }
      if (control?.kind === 'Abort') this.#begun.delete(control.chunkStreamId)
      if (control !== undefined) this.#messages.heed(control)
    }
  }

  #cut(): Truncated | undefined {
    if (this.#failed) return undefined
    if (this.#handshakeLength !== undefined) return this.#chunks.cut()
    const { received: offset, missing } = this.#handshake
    return { layer: 'handshake', offset, missing }
  }
}
