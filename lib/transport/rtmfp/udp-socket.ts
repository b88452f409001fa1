import * as dgram from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, isIPv6 } from 'node:net'
import { debug } from '../../channels.ts'
import type { OutDatagram, Place } from '../../rtmfp/session/datagrams.ts'

/** Where a socket is bound. */
export interface BindOptions {
  /** 0, or no port, for any that is free. */
  readonly port?: number
  /** An address of this machine, or a name of one; without it `::`, which IPv4 is received at too, or `0.0.0.0` where there is no IPv6. */
  readonly address?: string
}

/**
 * Bursts of many peers wait here while the process is busy: of 50 keyframes of 60 KB at once, Linux's default of 208 KiB loses three
 * quarters, and 4 MiB none. A kernel that does not give that may give half of it, and so on.
 */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
const MAPPED = '::ffff:'

/** Where a datagram has come from, and by which socket: answers leave by the same. */
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

/** A bound UDP socket. IPv4 addresses are written as such where it has both families, and what it fails to send is lost. */
export class UdpSocket {
  /** Where it is bound. */
  readonly address: AddressInfo
  readonly #socket: dgram.Socket
  #isOpen = true

  private constructor(socket: dgram.Socket) {
    this.#socket = socket
    this.address = socket.address()
  }

  /** Binds a socket, which passes on what it receives. Rejects with the error of the kernel. */
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
      // dgram asks for each datagram that is sent; dns.lookup answers a tick later, so that no queue could be seen to grow
      lookup: (host, _, found) => found(null, isSix && !host.includes(':') ? MAPPED + host : host, isSix ? 6 : 4)
    })
    const listening = once(bound, 'listening')
    // else the workers of a cluster would share it, and each get some datagrams of a session
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
    // of a receive: what the network tells of a datagram is no more than that this one is lost
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

  /** Sends a datagram; `gone` is called once it has left, or is lost. */
  send({ bytes, to: { address, port } }: OutDatagram, gone?: () => void): void {
    // without a callback dgram tells of no error; port 0, which a peer may have told of, it would throw at
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
