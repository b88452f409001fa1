import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { asError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import type { AcceptFlow, OutgoingFlow, OutgoingFlowOptions } from '../rtmfp/flow-mapping/flow-set.ts'
import { WINDOW_BYTES } from '../rtws/receiving-flow.ts'
import { RtwsFlows } from '../rtws/rtws-flows.ts'
import type { FlowCarrier } from '../transport/rtmfp/flow-carrier.ts'
import type { FlowWire } from '../transport/rtmfp/flow-wire.ts'

/** The options of `ws` for an RTWebSocket. No fragment is longer than the window that is advertised. Media is already compressed. */
export const webSocketOptions: {
  readonly perMessageDeflate: false
  readonly autoPong: false
  readonly maxPayload: number
  readonly maxFragments: number
} = {
  perMessageDeflate: false,
  // a pong for a peer that does not read would wait in memory
  autoPong: false,
  maxPayload: WINDOW_BYTES + 64,
  maxFragments: 64
}

/** The used part of a WebSocket of `ws`, whose declarations not every user has. */
interface BinaryWebSocket {
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): unknown
  on(event: 'ping', listener: (data: Buffer) => void): unknown
  on(event: 'close', listener: () => void): unknown
  send(bytes: Buffer): void
  pong(bytes: Buffer): void
  close(code: number): void
  terminate(): void
}

/** The parts of an RTWebSocket. */
export interface RtwsCarrierOptions {
  readonly webSocket: BinaryWebSocket
  /** The socket under the WebSocket. */
  readonly socket: Duplex
  readonly wire: FlowWire
  readonly clock: Clock
  readonly limits: Partial<Limits> | undefined
}

const NORMAL = 1000
const PROTOCOL_ERROR = 1002

/** The flows of an RTWebSocket, over an open WebSocket of `ws`: its messages, its timer and its end. */
export class RtwsCarrier implements FlowCarrier {
  readonly #webSocket: BinaryWebSocket
  readonly #socket: Duplex
  readonly #wire: FlowWire
  readonly #clock: Clock
  readonly #lingerMs: number
  readonly #flows: RtwsFlows
  #bytesIn = 0
  #bytesOut = 0
  #heardAt: number
  #isScheduled = false
  #isClosed = false
  #timerAt = Number.POSITIVE_INFINITY
  #stopTimer: (() => void) | undefined

  constructor({ webSocket, socket, wire, clock, limits }: RtwsCarrierOptions, accept: AcceptFlow) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#wire = wire
    this.#clock = clock
    this.#lingerMs = limitsWith(limits).lingerMs
    this.#heardAt = clock.now()
    this.#flows = new RtwsFlows({ accept, wake: () => this.#wake(), ...(limits && { limits }) })
    webSocket.on('message', (data, isBinary) => this.#heard(data, isBinary))
    webSocket.on('ping', data => {
      this.#heardAt = clock.now()
      if (!socket.writableNeedDrain) webSocket.pong(data)
    })
    webSocket.on('close', () => this.#over())
    socket.on('drain', () => {
      this.#heardAt = clock.now()
      this.#wake()
    })
  }

  get waitingBytes(): number {
    return this.#flows.waitingBytes
  }

  get heldBytes(): number {
    return this.#flows.heldBytes
  }

  get owedSince(): number | undefined {
    return this.#flows.owedSince
  }

  get bytesIn(): number {
    return this.#bytesIn
  }

  get bytesOut(): number {
    return this.#bytesOut
  }

  get heardAt(): number {
    return this.#heardAt
  }

  open(options: OutgoingFlowOptions): OutgoingFlow {
    return this.#flows.open(options)
  }

  close(): void {
    this.#close(NORMAL)
  }

  #heard(data: Buffer, isBinary: boolean): void {
    if (this.#isClosed) return
    const now = this.#clock.now()
    this.#heardAt = now
    this.#bytesIn += data.length
    if (!isBinary) return
    try {
      this.#flows.input(data, now)
    } catch (error) {
      this.#close(PROTOCOL_ERROR)
      this.#wire.over(asError(error))
      return
    }
    this.#wire.pump()
    this.#wake()
  }

  /** Sends everything at the end of the turn. */
  #wake(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#isScheduled = false
    if (this.#isClosed) return
    const now = this.#clock.now()
    this.#socket.cork()
    // messages stay in their flows until the socket has room: by then they may be late, or something more urgent may wait
    while (!this.#socket.writableNeedDrain) {
      const bytes = this.#flows.output(now)
      if (bytes === undefined) break
      this.#bytesOut += bytes.length
      this.#webSocket.send(bytes)
    }
    this.#socket.uncork()
    this.#wait(now)
  }

  #wait(now: number): void {
    const at = Math.min(this.#flows.nextTimeout(), this.#wire.stallsAt)
    if (at >= this.#timerAt) return
    this.#stopTimer?.()
    this.#timerAt = at
    this.#stopTimer = this.#clock.after(Math.max(0, at - now), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      const now = this.#clock.now()
      this.#flows.elapsed(now)
      this.#wire.check(now)
      this.#flush()
    })
  }

  #close(code: number): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopTimer?.()
    this.#flows.over()
    this.#webSocket.close(code)
    // for a peer that does not answer the close
    this.#stopTimer = this.#clock.after(this.#lingerMs, () => this.#webSocket.terminate())
  }

  #over(): void {
    this.#isClosed = true
    this.#stopTimer?.()
    this.#flows.over()
    this.#wire.over()
  }
}
