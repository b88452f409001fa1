import type { TcpSegment } from './tcp-segment.ts'

/** How a direction of a connection is over: by what was sent, or because the capture is. */
export type DirectionEnd = 'FIN' | 'RST' | 'capture'

/** The next of a direction: bytes, or that nothing follows. */
export type TcpPiece =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end'; readonly how: DirectionEnd }
  /** So many bytes were not captured; the bytes after them are dropped. */
  | { readonly kind: 'missing'; readonly bytes: number }

interface Waiting {
  /** Bytes of the direction before it. */
  readonly at: number
  readonly payload: Buffer
  readonly fin: boolean
}

/**
 * Segments that may wait for one ahead of them: six megabytes of Ethernet frames, more than an RTMP peer has in flight. If
 * that one has not come by then it was not captured.
 */
const MAX_WAITING = 4096

/** Puts the segments of one direction in order. What was handed on once is not handed on again, however often it was sent. */
export class TcpDirection {
  /** The sequence number of its first byte. */
  #first: number | undefined
  /** Bytes handed on. */
  #position = 0
  /** In the order of their places. */
  readonly #waiting: Waiting[] = []
  #over = false

  /** Whether a SYN of this direction opens another connection than the one it belongs to. */
  isAnother(sequence: number): boolean {
    return this.#first !== undefined && this.#first !== after(sequence)
  }

  /** Takes a segment; gives what can be handed on now. */
  *take({ sequence, syn, fin, rst, payload }: TcpSegment): Generator<TcpPiece, void> {
    if (this.#over) return
    if (rst) {
      yield this.#end('RST')
      return
    }
    const start = syn ? after(sequence) : sequence
    if (payload.length === 0 && !fin) {
      if (syn) this.#first ??= start
      return
    }
    this.#first ??= start
    // sequence numbers wrap; the difference, as a signed one, does not
    const at = this.#position + ((start - this.#first - this.#position) | 0)
    this.#insert({ at, payload, fin })
    yield* this.#inOrder()
    if (this.#waiting.length > MAX_WAITING) yield this.#end('capture')
  }

  /** Nothing comes any more. */
  *ends(): Generator<TcpPiece, void> {
    if (!this.#over) yield this.#end('capture')
  }

  *#inOrder(): Generator<TcpPiece, void> {
    for (let next = this.#waiting[0]; next !== undefined && next.at <= this.#position; next = this.#waiting[0]) {
      this.#waiting.shift()
      const fresh = next.payload.subarray(this.#position - next.at)
      this.#position += fresh.length
      if (fresh.length > 0) yield { kind: 'bytes', bytes: fresh }
      if (next.fin && next.at + next.payload.length === this.#position) {
        this.#waiting.length = 0
        yield this.#end('FIN')
      }
    }
  }

  #insert(segment: Waiting): void {
    let low = 0
    let high = this.#waiting.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#waiting[middle]!.at <= segment.at) low = middle + 1
      else high = middle
    }
    this.#waiting.splice(low, 0, segment)
  }

  #end(how: DirectionEnd): TcpPiece {
    this.#over = true
    const [next] = this.#waiting
    this.#waiting.length = 0
    return next === undefined ? { kind: 'end', how } : { kind: 'missing', bytes: next.at - this.#position }
  }
}

/** A SYN takes one sequence number. */
const after = (sequence: number): number => (sequence + 1) >>> 0
