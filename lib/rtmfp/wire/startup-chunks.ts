import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { type Address, readAddress, writeAddress } from './address.ts'
import { readSized, writeSized } from './vlu.ts'

/** Initiator Hello (RFC 7016, 2.3.2): who can open a session to the endpoint that the discriminator selects? */
export interface IHello {
  readonly kind: 'IHello'
  /** The Endpoint Discriminator. */
  readonly endpointDiscriminator: Buffer
  /** Echoed in the answers. */
  readonly tag: Buffer
}

/** Forwarded Initiator Hello (RFC 7016, 2.3.3): an introducer passes an IHello on to the endpoint that it selects. */
export interface FIHello {
  readonly kind: 'FIHello'
  readonly endpointDiscriminator: Buffer
  /** The address of the initiator. */
  readonly replyAddress: Address
  readonly tag: Buffer
}

/** Responder Hello (RFC 7016, 2.3.4). */
export interface RHello {
  readonly kind: 'RHello'
  readonly tagEcho: Buffer
  /** Opaque to the initiator, which echoes it in the IIKeying. */
  readonly cookie: Buffer
  readonly certificate: Buffer
}

/** Responder Redirect (RFC 7016, 2.3.5). */
export interface Redirect {
  readonly kind: 'Redirect'
  readonly tagEcho: Buffer
  /** The addresses to try; an empty list means the address that this chunk came from. */
  readonly destinations: readonly Address[]
}

/** RHello Cookie Change (RFC 7016, 2.3.6): the old cookie was made for another address. */
export interface CookieChange {
  readonly kind: 'CookieChange'
  readonly oldCookie: Buffer
  readonly newCookie: Buffer
}

const rest = (reader: ByteReader): Buffer => reader.view(reader.left)

export const readIHello = (reader: ByteReader): IHello => ({
  kind: 'IHello',
  endpointDiscriminator: readSized(reader),
  tag: rest(reader)
})

export function writeIHello(writer: ByteWriter, { endpointDiscriminator, tag }: IHello): void {
  writeSized(writer, endpointDiscriminator)
  writer.raw(tag)
}

export const readFIHello = (reader: ByteReader): FIHello => ({
  kind: 'FIHello',
  endpointDiscriminator: readSized(reader),
  replyAddress: readAddress(reader),
  tag: rest(reader)
})

export function writeFIHello(writer: ByteWriter, { endpointDiscriminator, replyAddress, tag }: FIHello): void {
  writeSized(writer, endpointDiscriminator)
  writeAddress(writer, replyAddress)
  writer.raw(tag)
}

export const readRHello = (reader: ByteReader): RHello => ({
  kind: 'RHello',
  tagEcho: readSized(reader),
  cookie: readSized(reader),
  certificate: rest(reader)
})

export function writeRHello(writer: ByteWriter, { tagEcho, cookie, certificate }: RHello): void {
  writeSized(writer, tagEcho)
  writeSized(writer, cookie)
  writer.raw(certificate)
}

export function readRedirect(reader: ByteReader): Redirect {
  const tagEcho = readSized(reader)
  const destinations: Address[] = []
  while (reader.left > 0) destinations.push(readAddress(reader))
  return { kind: 'Redirect', tagEcho, destinations }
}

export function writeRedirect(writer: ByteWriter, { tagEcho, destinations }: Redirect): void {
  writeSized(writer, tagEcho)
  for (const destination of destinations) writeAddress(writer, destination)
}

export const readCookieChange = (reader: ByteReader): CookieChange => ({
  kind: 'CookieChange',
  oldCookie: readSized(reader),
  newCookie: rest(reader)
})

export function writeCookieChange(writer: ByteWriter, { oldCookie, newCookie }: CookieChange): void {
  writeSized(writer, oldCookie)
  writer.raw(newCookie)
}
