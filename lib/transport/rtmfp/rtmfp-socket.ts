import { type AddressInfo, isIP } from 'node:net'
import { type Clock, systemClock } from '../../clock.ts'
import { RtmpError } from '../../errors.ts'
import { limitsWith } from '../../limits.ts'
import type { EndpointDiscriminator } from '../../rtmfp/crypto/endpoint-discriminator.ts'
import type { OutDatagram, Place } from '../../rtmfp/session/datagrams.ts'
import { type EndpointOptions, RtmfpEndpoint } from '../../rtmfp/session/endpoint.ts'
import type { Opening } from '../../rtmfp/session/opening.ts'
import type { Session } from '../../rtmfp/session/session.ts'
import { type BindOptions, UdpPlace, UdpSocket } from './udp-socket.ts'

/** The options of an RtmfpSocket: those of its endpoint, and a clock. */
export interface RtmfpSocketOptions extends Omit<EndpointOptions, 'wake'> {
  readonly clock?: Clock
}

/** Datagrams that wait for the kernel before sessions are asked for no more: their deadlines then count, and memory does not grow. */
const MAX_QUEUED = 64
const MAX_TIMER_MS = 2 ** 31 - 1

/** How an opening ends for who waits for it. */
interface Waiting {
  resolve(session: Session): void
  reject(error: RtmpError): void
}

/**
 * An RtmfpEndpoint on UDP: it has the sockets, the time and one timer. What its sessions have to send goes out at the end of the turn of the
 * event loop, all together. It has no events: sessions are told of by the options `opened` and `closed`, and what is lost on the way, or
 * cannot be sent, is for them to say again. It keeps the process alive while it is bound.
 */
export class RtmfpSocket {
  readonly #endpoint: RtmfpEndpoint
  readonly #clock: Clock
  readonly #lingerMs: number
  readonly #openings = new Map<Opening, Waiting[]>()
  #sockets: UdpSocket[] = []
  #turn: NodeJS.Immediate | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #stopTimer: (() => void) | undefined
  /** What is left of an output that waits for the kernel. */
  #output: Generator<OutDatagram, void> | undefined
  #isHeld = false
  #closing: Promise<void> | undefined
  #endLinger: (() => void) | undefined
  #isOver = false

  /** @throws RangeError or TypeError for limits that are none. */
  constructor({ clock = systemClock, ...options }: RtmfpSocketOptions) {
    this.#clock = clock
    this.#lingerMs = limitsWith(options.limits).lingerMs
    this.#endpoint = new RtmfpEndpoint({ ...options, wake: () => this.#soon() })
  }

  /** Where it is bound, in the order of `bind`. */
  get addresses(): readonly AddressInfo[] {
    return this.#sockets.map(({ address }) => address)
  }

  /** Sessions, those that are opening or closing included. */
  get size(): number {
    return this.#endpoint.size
  }

  /**
   * Binds it to an address, and to more with each call. Answers leave by the socket that was asked, the rest by the last bound one that has
   * the family. Rejects with the error of the kernel, such as EADDRINUSE.
   */
  async bind(options: BindOptions = {}): Promise<AddressInfo> {
    const socket = await UdpSocket.bind(options, (datagram, from) => {
      this.#endpoint.input(datagram, from, this.#clock.now())
      this.#soon()
    })
    if (this.#closing !== undefined) {
      await socket.close()
      throw new RtmpError('ERR_RTMP_PREMATURE_CLOSE')
    }
    this.#sockets.push(socket)
    this.#soon()
    return socket.address
  }

  /**
   * As `bind`, and leaves all other addresses. Sessions go on: a peer follows them once it has a packet from the new address and the answer
   * to a check (RFC 7016, 3.5.4.2).
   */
  async rebind(options: BindOptions = {}): Promise<AddressInfo> {
    const before = [...this.#sockets]
    const address = await this.bind(options)
    this.#sockets = this.#sockets.filter(socket => !before.includes(socket))
    await Promise.all(before.map(socket => socket.close()))
    return address
  }

  /**
   * Opens a session to whom a discriminator selects, at any of these addresses of IPv4 or IPv6; one that there is, or is opening, serves.
   * It waits until the socket is bound. Rejects with ERR_RTMP_RTMFP_TIMEOUT, with ERR_RTMP_RTMFP_KEYING if the two ends have no terms in
   * common, and with ERR_RTMP_PREMATURE_CLOSE if the socket is closed.
   * @throws TypeError for an address that is none, RangeError for a port out of 1 to 65535.
   */
  open(discriminator: EndpointDiscriminator, places: readonly Place[]): Promise<Session> {
    for (const { address, port } of places) {
      if (isIP(address) === 0) throw new TypeError(`address must be IPv4 or IPv6, not ${address}`)
      if (!Number.isInteger(port) || port < 1 || port > 0xffff)
        throw new RangeError(`port must be a whole number of 1 to 65535, not ${port}`)
    }
    if (this.#closing !== undefined) return Promise.reject(new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
    const opening = this.#endpoint.open(discriminator, places, this.#clock.now())
    return new Promise((resolve, reject) => {
      this.#openings.set(opening, [...(this.#openings.get(opening) ?? []), { resolve, reject }])
    })
  }

  /**
   * Closes its sessions, and then its sockets: in order, which waits for the answers of peers, `limits.lingerMs` at most, or at once. What
   * flows still hold is lost either way. Settles when all is closed.
   */
  close({ orderly = true }: { readonly orderly?: boolean } = {}): Promise<void> {
    if (!orderly) this.#endLinger?.()
    this.#closing ??= this.#close(orderly)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(orderly: boolean): Promise<void> {
    this.#endpoint.close(this.#clock.now(), orderly)
    if (this.#endpoint.isClosing)
      await new Promise<void>(resolve => {
        const stop = this.#clock.after(this.#lingerMs, resolve)
        this.#endLinger = () => {
          stop()
          resolve()
        }
      })
    this.#endpoint.close(this.#clock.now(), false)
    this.#run()
    this.#isOver = true
    clearImmediate(this.#turn)
    this.#stopTimer?.()
    const sockets = this.#sockets
    this.#sockets = []
    await Promise.all(sockets.map(socket => socket.close()))
  }

  /** Runs once in this turn, behind all datagrams that it reads. */
  #soon(): void {
    if (this.#isOver) return
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined
      this.#run()
    })
  }

  #run(): void {
    const now = this.#clock.now()
    this.#endpoint.elapsed(now)
    this.#flush(now)
    for (const opening of this.#openings.keys()) if (opening.isOver) this.#settle(opening)
    if (this.#endLinger !== undefined && !this.#endpoint.isClosing) this.#endLinger()
    this.#arm(now)
  }

  #flush(now: number): void {
    if (this.#isHeld || this.#sockets.length === 0) return
    // for ... of would end the rest with the loop
    this.#output ??= this.#endpoint.output(now)
    for (let next = this.#output.next(); !next.done; next = this.#output.next()) {
      const socket = this.#socketFor(next.value.to)
      this.#isHeld = socket !== undefined && socket.queued >= MAX_QUEUED
      socket?.send(next.value, this.#isHeld ? this.#released : undefined)
      if (this.#isHeld) return
    }
    this.#output = undefined
  }

  readonly #released = (): void => {
    this.#isHeld = false
    this.#soon()
  }

  #socketFor(to: Place): UdpSocket | undefined {
    if (to instanceof UdpPlace && to.socket.isOpen) return to.socket
    return this.#sockets.findLast(socket => socket.reaches(to.address))
  }

  #settle(opening: Opening): void {
    const { session, error } = opening
    for (const { resolve, reject } of this.#openings.get(opening) ?? [])
      if (session !== undefined) resolve(session)
      else if (error !== undefined) reject(error)
    this.#openings.delete(opening)
  }

  /** The timer may be early, and looks again then: it is set anew only for what is due before. */
  #arm(now: number): void {
    const at = this.#endpoint.nextTimeout()
    if (at >= this.#timerAt) return
    this.#stopTimer?.()
    this.#timerAt = at
    this.#stopTimer = this.#clock.after(Math.min(Math.max(Math.ceil(at - now), 0), MAX_TIMER_MS), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#run()
    })
  }
}
