import * as dgram from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, isIPv6 } from 'node:net'
import { debug } from '../../channels.ts'
import type { OutDatagram, Place } from '../../rtmfp/session/datagrams.ts'

/** The address that a socket is bound to. */
export interface BindOptions {
  /** The port; 0, the default, for any free port. */
  readonly port?: number
  /** An address of this machine, or a name of one. By default `::`, which receives IPv4 too, or `0.0.0.0` where there is no IPv6. */
  readonly address?: string
}

/**
 * The receive buffer, where bursts of many peers wait while the process is busy. Of 50 keyframes of 60 KB at once, the default of Linux,
 * 208 KiB, loses three quarters, and 4 MiB loses none. If the kernel refuses a size, half of it is tried, and so on.
 */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
const MAPPED = '::ffff:'

/** The address a datagram came from, and the socket that received it, which sends the answers. */
export class UdpPlace implements Place {
  readonly address: string
  readonly port: number
  readonly socket: UdpSocket

  constructor(address: string, port: number, socket: UdpSocket) {
    this.address = address
    this.port = port
    this.socket = socket
  }
}

/** A bound UDP socket. One of both families reports IPv4 addresses as such, not as IPv6. A datagram that cannot be sent is lost. */
export class UdpSocket {
  /** The address it is bound to. */
  readonly address: AddressInfo
  readonly #socket: dgram.Socket
  #isOpen = true

  private constructor(socket: dgram.Socket) {
    this.#socket = socket
    this.address = socket.address()
  }

  /** Binds a socket that passes what it receives to `received`. Rejects with the error of the kernel. */
  static async bind(
    { port = 0, address }: BindOptions,
    received: (datagram: Buffer, from: UdpPlace) => void
  ): Promise<UdpSocket> {
    if (address !== undefined) return UdpSocket.#bind(port, (await lookup(address)).address, received)
    try {
      return await UdpSocket.#bind(port, '::', received)
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(code)) throw error
      return UdpSocket.#bind(port, '0.0.0.0', received)
    }
  }

  static async #bind(
    port: number,
    address: string,
    received: (datagram: Buffer, from: UdpPlace) => void
  ): Promise<UdpSocket> {
    const isSix = isIPv6(address)
    const bound = dgram.createSocket({
      type: isSix ? 'udp6' : 'udp4',
      // dgram calls it for each datagram that is sent; dns.lookup answers a tick later, which would hide how the queue grows
      lookup: (host, _, found) => found(null, isSix && !host.includes(':') ? MAPPED + host : host, isSix ? 6 : 4)
    })
    const listening = once(bound, 'listening')
    // otherwise the workers of a cluster would share it, and each would receive some datagrams of a session
    bound.bind({ port, address, exclusive: true })
    await listening
    for (let bytes = RECEIVE_BUFFER_BYTES; bytes > bound.getRecvBufferSize(); bytes /= 2) {
      try {
        bound.setRecvBufferSize(bytes)
      } catch {}
    }
    const socket = new UdpSocket(bound)
    bound.on('message', (datagram, { address, port }) => {
      const plain = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address
      received(datagram, new UdpPlace(plain, port, socket))
    })
    // an error of a receive only tells that a datagram was lost in the network
    bound.on('error', error => debug('RTMFP: %s', error.message))
    return socket
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Datagrams that wait for the kernel. */
  get queued(): number {
    return this.#socket.getSendQueueCount()
  }

  /** Whether it can send there: to its own family, and to IPv4 from `::`. */
  reaches(address: string): boolean {
    const { family, address: own } = this.address
    return address.includes(':') ? family === 'IPv6' : family === 'IPv4' || own === '::'
  }

  /** Sends a datagram; `gone` is called once it was sent, or is lost. */
  send({ bytes, to: { address, port } }: OutDatagram, gone?: () => void): void {
    // without a callback dgram reports no error; for port 0, which a peer may have reported, it would throw
    if (this.#isOpen && port > 0) this.#socket.send(bytes, port, address, gone)
    else gone?.()
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#socket.close()
    await once(this.#socket, 'close')
  }
}
