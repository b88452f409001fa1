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

/** With so many datagrams waiting for the kernel, sessions are asked for no more: memory is bounded, and late messages are dropped. */
const MAX_QUEUED = 64
const MAX_TIMER_MS = 2 ** 31 - 1

/** A promise of `open` that waits for an opening. */
interface Waiting {
  resolve(session: Session): void
  reject(error: RtmpError): void
}

/**
 * An RtmfpEndpoint on UDP: it has the sockets, the clock and one timer. Everything that its sessions send leaves at the end of the turn of the
 * event loop. It has no events: the options `opened` and `closed` report sessions, and sessions retransmit what is lost or cannot be sent. It
 * keeps the process alive while it is bound.
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
  /** The rest of an output that waits for the kernel. */
  #output: Generator<OutDatagram, void> | undefined
  #isHeld = false
  #closing: Promise<void> | undefined
  #endLinger: (() => void) | undefined
  #isOver = false

  /** @throws RangeError or TypeError for invalid limits. */
  constructor({ clock = systemClock, ...options }: RtmfpSocketOptions) {
    this.#clock = clock
    this.#lingerMs = limitsWith(options.limits).lingerMs
    this.#endpoint = new RtmfpEndpoint({ ...options, wake: () => this.#soon() })
  }

  /** The addresses it is bound to, in the order of `bind`. */
  get addresses(): readonly AddressInfo[] {
    return this.#sockets.map(({ address }) => address)
  }

  /** The number of sessions, those that are opening or closing included. */
  get size(): number {
    return this.#endpoint.size
  }

  /**
   * Binds it to an address, and to one more with each call. Answers are sent by the socket that received the question, the rest by the socket
   * of the right family that was bound last. Rejects with the error of the kernel, such as EADDRINUSE.
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
   * As `bind`, and closes the sockets of all other addresses. Sessions continue: a peer follows once it has received a packet from the new
   * address and the answer to its check (RFC 7016, 3.5.4.2).
   */
  async rebind(options: BindOptions = {}): Promise<AddressInfo> {
    const before = [...this.#sockets]
    const address = await this.bind(options)
    this.#sockets = this.#sockets.filter(socket => !before.includes(socket))
    await Promise.all(before.map(socket => socket.close()))
    return address
  }

  /**
   * Opens a session to the endpoint that a discriminator selects, at any of these addresses of IPv4 or IPv6. Resolves with an existing session
   * to that endpoint if there is one. It waits until the socket is bound. Rejects with ERR_RTMP_RTMFP_TIMEOUT, with ERR_RTMP_RTMFP_KEYING if
   * the two ends have no terms in common, and with ERR_RTMP_PREMATURE_CLOSE if the socket is closed.
   * @throws TypeError for an invalid address, RangeError for a port out of 1 to 65535.
   */
  open(discriminator: EndpointDiscriminator, places: readonly Place[]): Promise<Session> {
    for (const { address, port } of places) {
      if (isIP(address) === 0) throw new TypeError(`address must be IPv4 or IPv6, not ${address}`)
      if (!Number.isInteger(port) || port < 1 || port > 0xffff)
        throw new RangeError(`port must be a whole number from 1 to 65535, not ${port}`)
    }
    if (this.#closing !== undefined) return Promise.reject(new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
    const opening = this.#endpoint.open(discriminator, places, this.#clock.now())
    return new Promise((resolve, reject) => {
      this.#openings.set(opening, [...(this.#openings.get(opening) ?? []), { resolve, reject }])
    })
  }

  /**
   * Closes its sessions, and then its sockets: orderly, which waits for the answers of peers for `limits.lingerMs` at most, or at once. What
   * flows still hold is lost in both cases. Settles when everything is closed.
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

  /** Runs once per turn, after all datagrams of the turn. */
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
    // `for ... of` would end the generator when the loop is left
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

  /** The timer is set again only for an earlier time. One that is too early finds nothing due, and is set again then. */
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
